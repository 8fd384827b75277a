package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tongma/standard"
	"tongma/standard/wire"
)

// asker asks for what flags do not tell.
type asker struct {
	ctx      context.Context // of the command: where Ctrl-C comes first, nothing is asked any more
	in       *bufio.Reader
	out      io.Writer
	terminal bool
	lang     string
}

func newAsker(cmd *cobra.Command, lang string) asker {
	in := cmd.InOrStdin()
	return asker{cmd.Context(), bufio.NewReader(io.LimitReader(in, maxTyped)), cmd.ErrOrStderr(), isTerminal(in), lang}
}

// line completes a flag, on a terminal by asking.
func (a asker) line(flag, zh, en string, into *string) error {
	hint := fmt.Sprintf("1 to %d characters on one line", wire.MaxCase)
	switch {
	case wire.ValidLine(*into, wire.MaxCase):
		return nil
	case *into != "":
		return misuse(hint, "%s cannot be recorded", flag)
	case !a.terminal:
		return misuse(hint, "a search needs %s where there is no terminal to ask on", flag)
	}
	fmt.Fprint(a.out, say(standard.Text{Zh: zh, En: en}, a.lang))
	text, err := a.read()
	switch {
	case a.ctx.Err() != nil:
		return errStopped
	case err != nil || !wire.ValidLine(text, wire.MaxCase):
		return misuse(hint, "%s cannot be recorded: nothing was done", flag)
	}
	*into = text
	return nil
}

// errStopped is told where somebody ends a question with Ctrl-C.
var errStopped = fail(errors.New("stopped: nothing was done"), "")

// maxTyped bounds what is typed, in bytes.
const maxTyped = 16 << 10

// read reads a line. Reading a terminal cannot be broken off: where Ctrl-C comes first, it ends with the process.
func (a asker) read() (string, error) {
	type line struct {
		text string
		err  error
	}
	typed := make(chan line, 1)
	go func() {
		text, err := a.in.ReadString('\n')
		if text != "" && errors.Is(err, io.EOF) {
			err = nil
		}
		typed <- line{strings.TrimSpace(text), err}
	}()
	select {
	case l := <-typed:
		return l.text, l.err
	case <-a.ctx.Done():
		return "", a.ctx.Err()
	}
}

// confirm asks on a terminal whether something is meant; elsewhere it is not.
func (a asker) confirm(zh, en string) bool {
	if !a.terminal {
		return false
	}
	fmt.Fprint(a.out, say(standard.Text{Zh: zh, En: en}, a.lang))
	text, err := a.read()
	return err == nil && slices.Contains([]string{"y", "yes", "是"}, strings.ToLower(text))
}
