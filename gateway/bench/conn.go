package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"time"
)

// conn is a connection that costs as little as it can: requests are written as they stand, replies read without a header map.
type conn struct {
	net.Conn
	r    *bufio.Reader
	body []byte

	retryAfter bool // the last reply said when to come again
}

// patience bounds every exchange.
const patience = 20 * time.Second

func dial(address string) (*conn, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(patience))
	return &conn{Conn: c, r: bufio.NewReaderSize(c, 8<<10)}, nil
}

// do sends a request and gives the reply's body, which is good until the next one.
func (c *conn) do(request []byte) ([]byte, error) {
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	length, chunked, err := c.head()
	if err != nil {
		return nil, err
	}
	if chunked {
		return io.ReadAll(httputil.NewChunkedReader(c.r))
	}
	c.body = slices.Grow(c.body[:0], length)[:length]
	_, err = io.ReadFull(c.r, c.body)
	return c.body, err
}

// head reads to the end of the header.
func (c *conn) head() (length int, chunked bool, err error) {
	c.retryAfter = false
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, false, fmt.Errorf("reply: %w", err)
		}
		if len(line) <= 2 {
			return length, chunked, nil
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(strings.TrimSpace(string(value))); err != nil {
				return 0, false, err
			}
		}
		c.retryAfter = c.retryAfter || bytes.HasPrefix(line, []byte("Retry-After: "))
		chunked = chunked || bytes.HasPrefix(line, []byte("Transfer-Encoding: chunked"))
	}
}
