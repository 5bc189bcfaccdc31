// Package journal keeps what the local cloud acknowledged: an append-only log
// of records by kind and key, durable when Commit returns, in one directory.
//
// A record replaces the one before it of the same kind and key. Records are
// committed in groups: whatever arrives while one group is being written to the
// disk forms the next, so that many writers share one fsync and a single writer
// waits for nobody. A group is one SQLite transaction (WAL, synchronous=FULL)
// that adds one row per kind, which costs less than a row per record.
//
// What was overruled is dropped by compaction in the background, a little
// between groups, once a kind holds more dead weight than live.
//
// A directory belongs to one process at a time. Its format is numbered: an older
// one is brought up to date when it is opened, a newer one is refused.
package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// FileName is the name of the database inside a journal's directory.
const FileName = "journal.db"

var (
	// ErrInUse says that another process has the directory open.
	ErrInUse = errors.New("is in use by another process")
	// ErrNewer says that the directory was written by a newer program.
	ErrNewer = errors.New("was written by a newer version of this program")
	// ErrClosed is the answer to any use after Close.
	ErrClosed = errors.New("journal is closed")
	// ErrFull says that the disk, or the size allowed to the journal, is full.
	// Nothing of the commit was kept; everything before it still is.
	ErrFull = errors.New("no space left for the journal")
)

// Options are the choices that Open leaves open. The zero value is right for
// everything but tests.
type Options struct {
	// MaxPages bounds the database to so many pages of 4 KiB; 0 is no bound.
	MaxPages int
	// CompactAbove is how many bytes of dead records a kind may hold beyond
	// its live ones before it is compacted; 0 means 16 MiB.
	CompactAbove int64
}

// A Journal is an open directory. It is safe for concurrent use.
type Journal struct {
	dir          string
	db           *sql.DB
	conn         *sql.Conn // used by the writer's goroutine alone
	compactAbove int64

	requests chan *request
	jobs     chan func() // other work on conn: reading
	closing  chan struct{}
	closed   chan struct{}
	close    sync.Once
	closeErr error

	layout sync.RWMutex // held for reading while a Load relies on where blocks are
	sizes  map[string]*size
	next   int64       // the next block's number; never one that was used before
	work   *compaction // under way, or nil
}

// A size is what a kind takes in the log; of the writer's goroutine.
type size struct {
	total int64 // bytes of all blocks
	live  int64 // bytes that were live when last counted
}

// Open opens the journal in dir and creates it if it is not there. The error
// wraps [ErrInUse] when another process has it open, [ErrNewer] when a newer
// program wrote it.
func Open(dir string, options Options) (*Journal, error) {
	j := &Journal{
		dir:          dir,
		compactAbove: options.CompactAbove,
		requests:     make(chan *request, 1024),
		jobs:         make(chan func()),
		closing:      make(chan struct{}),
		closed:       make(chan struct{}),
		sizes:        map[string]*size{},
	}
	if j.compactAbove == 0 {
		j.compactAbove = 16 << 20
	}
	if err := j.open(options); err != nil {
		if j.db != nil {
			_ = j.db.Close() // the error that stopped Open says more
		}
		return nil, fmt.Errorf("journal: %s: %w", dir, err)
	}
	go j.write()
	return j, nil
}

func (j *Journal) open(options Options) error {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return err
	}
	// The exclusive lock keeps other processes out for as long as this one
	// lives, and goes with it however it dies.
	path := url.URL{Path: filepath.ToSlash(filepath.Join(j.dir, FileName))}
	db, err := sql.Open("sqlite", "file:"+path.EscapedPath()+
		"?_pragma=busy_timeout(0)&_pragma=locking_mode(EXCLUSIVE)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return err
	}
	j.db = db
	db.SetMaxOpenConns(1)
	ctx := context.Background()
	if j.conn, err = db.Conn(ctx); err != nil {
		return plainly(err)
	}
	if err := j.migrate(ctx); err != nil {
		return plainly(err)
	}
	if options.MaxPages > 0 {
		if _, err := j.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count=%d", options.MaxPages)); err != nil {
			return err
		}
	}
	return j.measure(ctx)
}

// measure learns the size of each kind and the last block's number. What of a
// kind is live shows in its first Load or compaction.
func (j *Journal) measure(ctx context.Context) error {
	if err := j.conn.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) + 1 FROM block").Scan(&j.next); err != nil {
		return err
	}
	rows, err := j.conn.QueryContext(ctx, "SELECT kind, sum(length(data)) FROM block GROUP BY kind")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var kind string
		s := &size{}
		if err := rows.Scan(&kind, &s.total); err != nil {
			return err
		}
		j.sizes[kind] = s
	}
	return rows.Err()
}

// Put keeps one value; see [Journal.Commit].
func (j *Journal) Put(kind, key string, value []byte) error {
	return j.Commit(Record{Kind: kind, Key: key, Value: value})
}

// Delete ends one record; see [Journal.Commit]. To delete what is not there is
// no error.
func (j *Journal) Delete(kind, key string) error {
	return j.Commit(Record{Kind: kind, Key: key, Delete: true})
}

// Close waits for the commits under way and closes the directory. Commits that
// come later fail with [ErrClosed].
func (j *Journal) Close() error {
	j.close.Do(func() {
		close(j.closing)
		<-j.closed
		j.closeErr = errors.Join(j.conn.Close(), j.db.Close())
	})
	return j.closeErr
}

// plainly turns SQLite's result codes that a caller may branch on into this
// package's errors.
func plainly(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED:
		return ErrInUse
	case sqlitelib.SQLITE_FULL:
		return ErrFull
	default:
		return err
	}
}
