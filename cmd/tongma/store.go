package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tongma/gateway/store"
)

// storeVariable is where the commands find a store that no flag names.
const storeVariable = "TONGMA_STORE"

const storeHint = "such as --store sqlite:/var/lib/tongma/tongma.db, --store-file FILE with the URL in it, or the URL in " + storeVariable

// storeFlags are the flags that all of store have.
type storeFlags struct {
	url, file string
	json      bool
}

func storeCommand() *cobra.Command {
	f := &storeFlags{}
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Back up, restore and look after the database",
		Long: `Looks after the database of a gateway, a SQLite file or PostgreSQL, also while nodes run. Which one, says its URL: sqlite:PATH or
postgres://USER@HOST/DATABASE. One that holds a password is read from a file (--store-file) or from the environment (TONGMA_STORE): on
a command line others could see it.

  tongma store status           where it is, which version its schema has, how many rows
  tongma store backup FILE      all of it, as it is at one moment, into a new file
  tongma store restore FILE     that file into an empty database of either kind
  tongma store migrate          the schema to the newest version, or to an older one`,
		Args: cobra.ArbitraryArgs,
		RunE: needSubcommand,
	}
	cmd.AddCommand(storeStatusCommand(f), storeBackupCommand(f), storeRestoreCommand(f), storeMigrateCommand(f))
	for _, c := range cmd.Commands() {
		f.on(c)
		c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	}
	return cmd
}

// on gives a command the flags that say which store.
func (f *storeFlags) on(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.url, "store", "", "the database's `URL`, without a password")
	cmd.Flags().StringVar(&f.file, "store-file", "", "the database's URL is in `FILE`")
}

// where is the URL of the store.
func (f *storeFlags) where() (string, error) {
	given := f.url
	switch {
	case f.url != "" && f.file != "":
		return "", misuse(storeHint, "--store and --store-file are both given")
	case f.file != "":
		data, err := os.ReadFile(f.file)
		if err != nil {
			return "", fail(err, storeHint)
		}
		given = strings.TrimSpace(string(data))
	case f.url == "":
		given = os.Getenv(storeVariable)
	}
	if given == "" {
		return "", misuse(storeHint, "no store is named")
	}
	secret, err := store.Check(given)
	if secret && f.url != "" {
		return "", misuse("put the URL into a file and name it with --store-file, and change the password", "a command line that others can see holds a password")
	}
	if err != nil {
		return "", misuse(storeHint, "%w", err)
	}
	return given, nil
}

// with opens the store by one of the ways that package store has, and closes it afterwards.
func (f *storeFlags) with(ctx context.Context, open func(context.Context, string) (*store.Store, error), do func(*store.Store) error) error {
	where, err := f.where()
	if err != nil {
		return err
	}
	s, err := open(ctx, where)
	if err != nil {
		return fail(err, "is it there, and may you open it?")
	}
	return errors.Join(do(s), s.Close())
}

// storeState is what store status tells.
type storeState struct {
	Store   string           `json:"store"`
	Version int64            `json:"version"`
	Newest  int64            `json:"newest"` // that this program knows
	Rows    map[string]int64 `json:"rows"`
}

func storeStatusCommand(f *storeFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show where the database is, its version and how many rows it has",
		Example: "  tongma store status --store sqlite:/var/lib/tongma/tongma.db",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd.Context(), store.OpenAsIs, func(s *store.Store) error {
				at, newest, err := s.Version(cmd.Context())
				if err != nil {
					return err
				}
				rows, err := s.Rows(cmd.Context())
				if err != nil {
					return err
				}
				out := cmd.OutOrStdout()
				if f.json {
					return printJSON(out, storeState{s.String(), at, newest, rows})
				}
				fmt.Fprintf(out, "%s\nschema version %d, this program knows %d\n", s, at, newest)
				printRows(out, rows)
				return nil
			})
		},
	}
}

func printRows(out io.Writer, rows map[string]int64) {
	var names []string
	for name := range rows {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(out, "%-18s %d\n", name, rows[name])
	}
}

// show prints what a backup holds.
func (f *storeFlags) show(out io.Writer, c *store.Contents) error {
	if f.json {
		return printJSON(out, c)
	}
	fmt.Fprintf(out, "of %s, schema version %d, at %s\nsm3 %s\n", c.Kind, c.Version, c.At.Format("2006-01-02T15:04:05.000Z07:00"), c.SM3)
	printRows(out, c.Rows)
	return nil
}

func storeBackupCommand(f *storeFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Write all that the database holds into a new file",
		Long: `Writes all that the database holds, as it is at one moment, into the new FILE, while nodes go on. The file is for its owner's eyes
alone. It holds no day key that a node could use, but those that are sealed for the privacy officer: delete it when the retention of
the keys is over.`,
		Example: "  tongma store backup tongma.backup --store sqlite:/var/lib/tongma/tongma.db",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd.Context(), store.OpenAsIs, func(s *store.Store) error {
				c, err := backupTo(cmd.Context(), s, args[0])
				if err != nil {
					return fail(err, newFileHint)
				}
				return f.show(cmd.OutOrStdout(), c)
			})
		},
	}
}

// backupTo makes the file of a backup.
func backupTo(ctx context.Context, s *store.Store, path string) (c *store.Contents, err error) {
	err = writeWholeNew(path, func(w io.Writer) error {
		c, err = s.Backup(ctx, w)
		return err
	})
	return c, err
}

// writeWholeNew makes a new file, for its owner alone: when its name is there, all of it is on disk.
func writeWholeNew(path string, write func(io.Writer) error) error {
	partial, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.partial")
	if err != nil {
		return err
	}
	defer os.Remove(partial.Name())
	if err := errors.Join(write(partial), partial.Sync(), partial.Close()); err != nil {
		return err
	}
	if err := os.Link(partial.Name(), path); err != nil { // unlike a rename it overwrites nothing
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func storeRestoreCommand(f *storeFlags) *cobra.Command {
	var complete bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Fill an empty database with what a backup holds",
		Long: `Checks FILE to its end, and fills a new or empty database, of either kind, with all of it or nothing.

The logs of evidence in it are closed: what was acknowledged after the backup is not in it, and a log that went on from there would say
two things under one number. Give the nodes new names of logs. --complete says that no node has written since the backup, as when
a gateway moves to another kind of database: then its logs go on.`,
		Example: "  tongma store restore tongma.backup --store sqlite:/var/lib/tongma/new.db",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := os.Open(args[0])
			if err != nil {
				return fail(err, "name the file of a backup")
			}
			defer from.Close()
			if _, err := store.Verify(from); err != nil { // before a new database is made
				return fail(fmt.Errorf("%s: %w", args[0], err), "take another backup: nothing was restored")
			}
			if _, err := from.Seek(0, io.SeekStart); err != nil {
				return err
			}
			return f.with(cmd.Context(), store.Open, func(s *store.Store) error {
				c, err := s.Restore(cmd.Context(), from, complete)
				if err != nil {
					return fail(err, "nothing was restored")
				}
				return f.show(cmd.OutOrStdout(), c)
			})
		},
	}
	cmd.Flags().BoolVar(&complete, "complete", false, "no node has written since the backup: its logs go on")
	return cmd
}

func storeMigrateCommand(f *storeFlags) *cobra.Command {
	var to int64
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the schema to the newest version, or to another",
		Long: `Brings the schema of a database to the newest version that this program knows, as every node does when it starts, or with --to to
another. Going down drops what the older version does not know: make a backup first.`,
		Example: "  tongma store migrate --store sqlite:/var/lib/tongma/tongma.db",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to < 0 {
				return misuse("such as --to 2", "no version %d", to)
			}
			if !cmd.Flags().Changed("to") {
				to = store.Latest
			}
			return f.with(cmd.Context(), store.OpenAsIs, func(s *store.Store) error {
				at, err := s.Migrate(cmd.Context(), to)
				if err != nil {
					return err
				}
				if f.json {
					return printJSON(cmd.OutOrStdout(), map[string]int64{"version": at})
				}
				fmt.Fprintf(cmd.OutOrStdout(), "schema version %d\n", at)
				return nil
			})
		},
	}
	cmd.Flags().Int64Var(&to, "to", 0, "to version `N`")
	return cmd
}
