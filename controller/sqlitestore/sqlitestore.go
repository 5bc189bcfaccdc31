// Package sqlitestore remembers rollouts in a SQLite file, durably: what was
// acknowledged survives the process and the machine. Several processes may use
// one file at once, as when one pauses a rollout that another runs.
//
// The statements are in sql, the schema in migrations.
package sqlitestore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/internal/clock"
)

//go:embed sql/*.sql
var statements embed.FS

// A Store is a [controller.Store] in a SQLite file; see [Open]. It is safe for
// concurrent use.
type Store struct {
	path     string
	patience time.Duration
	clock    clock.Clock // the machine's, for stamps
	// One connection writes, so that writers of this process wait for each
	// other here and only those of other processes wait in SQLite.
	write *sql.DB
	read  *sql.DB
	// scratch is a directory to remove in the end; empty: none.
	scratch string

	mu    sync.Mutex
	stmts map[stmtKey]*sql.Stmt
	// runs counts how often transactions ran a statement that is not prepared,
	// and unprepared has those that are due.
	runs       map[string]int
	unprepared []string
}

type stmtKey struct {
	db   *sql.DB
	name string
}

var _ controller.Store = (*Store)(nil)

// ErrNewer says that a file has a schema that this program does not know yet.
var ErrNewer = errors.New("it was written by a newer version")

// patience is how long a statement waits for another process to finish writing
// before it gives up.
const patience = 5 * time.Second

// Open opens the store in the file at path, creates it and its folder if they do
// not exist, and brings its schema up to date. machine is the clock that leases are
// stamped with, see [Store.Heard]; nothing is decided by it. An error says what is wrong with
// the file: not writable, full, locked, not a store, or written by a newer
// version of this program.
func Open(ctx context.Context, path string, machine clock.Clock) (*Store, error) {
	return open(ctx, path, machine, patience, migrations())
}

func open(ctx context.Context, path string, machine clock.Clock, patience time.Duration, list []migration) (*Store, error) {
	s := &Store{path: path, patience: patience, clock: machine, stmts: make(map[stmtKey]*sql.Stmt), runs: make(map[string]int)}
	if err := create(path); err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	var err error
	if s.write, err = sql.Open("sqlite", dsn(path, patience, "")); err != nil {
		return nil, s.wrap("open", err)
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", dsn(path, patience, "query_only(1)")); err != nil {
		return nil, errors.Join(s.wrap("open", err), s.write.Close())
	}
	s.read.SetMaxOpenConns(4)
	if err := s.connect(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.migrate(ctx, list); err != nil {
		return nil, errors.Join(err, s.Close()) // which says what it was doing
	}
	return s, nil
}

// connect opens the connection that writes, which gives a new file its write-ahead
// log. SQLite lets nobody wait for another process that does so in the same moment, so
// this tries again until its patience is over.
func (s *Store) connect(ctx context.Context) error {
	const pause = 10 * time.Millisecond
	for waited := time.Duration(0); ; waited += pause {
		err := s.write.PingContext(ctx)
		if !locked(err) || waited >= s.patience {
			return s.wrap("open", err)
		}
		select {
		case <-s.clock.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// locked says whether another process had a lock that was needed.
func locked(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED)
}

// Close closes the file. A store that is closed answers every call with an
// error.
func (s *Store) Close() error {
	err := errors.Join(s.read.Close(), s.write.Close())
	if s.scratch != "" {
		err = errors.Join(err, os.RemoveAll(s.scratch))
	}
	return err
}

// create makes the folder and an empty file that only the user may read: plans
// and reasons are nobody else's business.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// dsn is what the driver opens. Transactions take the write lock when they
// begin: one that upgrades later can fail without a way to wait.
func dsn(path string, patience time.Duration, pragma string) string {
	q := url.Values{"_txlock": {"immediate"}}
	for _, p := range []string{fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()), "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", pragma} {
		if p != "" {
			q.Add("_pragma", p)
		}
	}
	// A URI, so that question marks and percent signs in the path mean themselves.
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// text returns a statement's text; a name that does not exist is a bug.
func text(name string) string {
	b, err := statements.ReadFile("sql/" + name + ".sql")
	if err != nil {
		panic("sqlitestore: " + err.Error())
	}
	return string(b)
}

// stmt returns a prepared statement.
func (s *Store) stmt(ctx context.Context, db *sql.DB, name string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := stmtKey{db, name}
	if st := s.stmts[key]; st != nil {
		return st, nil
	}
	st, err := db.PrepareContext(ctx, text(name)) //nolint:sqlclosecheck // kept until the store closes
	if err != nil {
		return nil, err
	}
	s.stmts[key] = st
	return st, nil
}

// wrap says which store it was, and what the driver's codes mean in it.
func (s *Store) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	if refused(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	why := s.explain(err)
	if s.forbidden(err) {
		return fmt.Errorf("store %s: %s: %s: %w: %w", s.path, what, why, fs.ErrPermission, err)
	}
	if why != "" {
		return fmt.Errorf("store %s: %s: %s: %w", s.path, what, why, err)
	}
	return fmt.Errorf("store %s: %s: %w", s.path, what, err)
}

// explain says in words what a person can do something about.
//
// Source: sqlite.org, "Result and Error Codes".
func (s *Store) explain(err error) string {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return ""
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Sprintf("another process has kept it locked for %s", s.patience)
	case sqlite3.SQLITE_FULL:
		return "the disk is full"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return "the file or its folder may not be written"
	case sqlite3.SQLITE_CANTOPEN:
		return "it cannot be opened; its folder must be writable"
	case sqlite3.SQLITE_NOTADB:
		return "the file is not a store of rollouts"
	case sqlite3.SQLITE_CORRUPT:
		return "the file is damaged; restore it from a copy"
	case sqlite3.SQLITE_IOERR:
		return "the disk does not answer as it should"
	default:
		return ""
	}
}

// forbidden says whether an error means that the file or its folder may not be
// written.
func (s *Store) forbidden(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
		return true
	default:
		return false
	}
}

// noRow says whether a query found nothing.
func noRow(err error) bool { return errors.Is(err, sql.ErrNoRows) }
