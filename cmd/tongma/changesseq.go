package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tongma/standard"
)

// maxSeqFile bounds what a file of --seq-file has, in bytes: a number has at most 20 digits.
const maxSeqFile = 64

// seqLockTime is for how long other processes may keep one waiting that is about to take a number. Each takes some milliseconds.
const seqLockTime = 10 * time.Second

// nextSeq takes the number after the one in the file at path. It is used up, on disk, before nextSeq returns, so that it never is sent twice: that
// would hide a notice that never came. If check refuses it, it is not. Many processes may do so at once; each gets another number.
func nextSeq(ctx context.Context, path string, check func(seq uint64) error) error {
	dir, err := lockDir(ctx, filepath.Dir(path))
	if err != nil {
		return fail(err, seqHint(err))
	}
	defer dir.Close()
	last, mode, err := readSeq(path)
	if err != nil {
		return err
	}
	if err := check(last + 1); err != nil {
		return err
	}
	err = writeSeq(path, last+1, mode)
	if err == nil {
		err = dir.Sync()
	}
	if err != nil {
		return fail(err, seqHint(err))
	}
	return nil
}

// seqHint says what to do about a number that could not be kept.
func seqHint(err error) string {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return "the disk is full: make room on it; nothing was sent"
	}
	return "give a --seq-file that you may write to, in a folder that you may write to; nothing was sent"
}

// lockDir opens a folder once no other process has locked it, and locks it until it is closed. The folder, because the file in it is
// replaced each time.
func lockDir(ctx context.Context, path string) (*os.File, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, seqLockTime)
	defer cancel()
	for {
		err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(&fs.PathError{Op: "lock", Path: path, Err: err}, dir.Close())
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("another process holds %s", path), dir.Close())
		}
	}
}

// readSeq gives the last number that was used, 0 if there is no file yet, and the file's mode.
func readSeq(path string) (uint64, fs.FileMode, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe that nobody writes to would be waited for
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0o644, nil
	}
	if err != nil {
		return 0, 0, fail(err, "give a --seq-file that you may read")
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, 0, fail(err, "")
	}
	if !info.Mode().IsRegular() {
		return 0, 0, misuse("name a file, which need not exist yet", "%s is not a regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSeqFile+1))
	if err != nil {
		return 0, 0, fail(err, "give a --seq-file that you may read")
	}
	last, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	if err != nil || last > standard.MaxSeq || len(data) > maxSeqFile {
		return 0, 0, misuse("write the last number that was used into it; the gateway tells it as `last`", "%s holds no number", path)
	}
	return last, info.Mode().Perm(), nil
}

// writeSeq has a number on the disk in place of the old one, as a whole or not at all.
func writeSeq(path string, seq uint64, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, seq)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
