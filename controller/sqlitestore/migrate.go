package sqlitestore

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one step of the schema. Its text never changes once released: a
// change is a new migration.
type migration struct {
	number int
	name   string
	text   string
}

func (m migration) checksum() string {
	sum := sha256.Sum256([]byte(m.text))
	return hex.EncodeToString(sum[:])
}

// migrations returns all migrations in order; their numbers run from 1.
func migrations() []migration {
	entries, err := fs.ReadDir(migrationFiles, "migrations") // sorted by name
	if err != nil {
		panic("sqlitestore: " + err.Error())
	}
	list := make([]migration, len(entries))
	for i, e := range entries {
		number, name, _ := strings.Cut(strings.TrimSuffix(e.Name(), ".sql"), "_")
		n, err := strconv.Atoi(number)
		if err != nil || n != i+1 {
			panic("sqlitestore: migration " + e.Name() + " is out of order")
		}
		text, err := migrationFiles.ReadFile("migrations/" + e.Name())
		if err != nil {
			panic("sqlitestore: " + err.Error())
		}
		list[i] = migration{number: n, name: name, text: string(text)}
	}
	return list
}

// migrate applies what the file has not seen yet, all in one transaction, so
// that two processes that open a new file at once do not meet half-way.
func (s *Store) migrate(ctx context.Context, list []migration) error {
	return s.update(ctx, "migrate", func(t tx) error {
		if _, err := t.exec("create_migrations"); err != nil {
			return err
		}
		applied, err := t.applied()
		if err != nil {
			return err
		}
		if len(applied) > len(list) {
			return fmt.Errorf("%w: its schema is %d, this one knows %d", ErrNewer, len(applied), len(list))
		}
		for i, m := range list {
			if i < len(applied) {
				if applied[i] != m.checksum() {
					return fmt.Errorf("migration %d (%s) is not the one that was applied to it", m.number, m.name)
				}
				continue
			}
			if _, err := t.ExecContext(ctx, m.text); err != nil {
				return fmt.Errorf("migration %d (%s): %w", m.number, m.name, err)
			}
			if _, err := t.exec("insert_migration", m.number, m.name, m.checksum()); err != nil {
				return err
			}
		}
		return nil
	})
}

// applied returns the checksums of the migrations that the file has seen.
func (t tx) applied() ([]string, error) {
	rows, err := t.QueryContext(t.ctx, text("migrations"))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var sums []string
	for rows.Next() {
		var number int
		var name, sum string
		if err := rows.Scan(&number, &name, &sum); err != nil {
			return nil, err
		}
		if number != len(sums)+1 {
			return nil, fmt.Errorf("migration %d is missing", len(sums)+1)
		}
		sums = append(sums, sum)
	}
	return sums, rows.Err()
}
