package journal

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the database as a Crossfade journal ("CFJ1").
const applicationID = 0x43464a31

// migrate brings the database to the newest format, one numbered file per step.
// SQLite's user_version holds the number of the last step taken.
func (j *Journal) migrate(ctx context.Context) error {
	files, err := fs.Glob(migrations, "migrations/*.sql") // sorted, so in order
	if err != nil {
		return err
	}
	var have int
	if err := j.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if have > len(files) {
		return fmt.Errorf("%w: it has format %d, this one reads up to %d", ErrNewer, have, len(files))
	}
	for i, file := range files[have:] {
		text, err := migrations.ReadFile(file)
		if err != nil {
			return err
		}
		tx, err := j.conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		step := fmt.Sprintf("%s\nPRAGMA user_version=%d;\nPRAGMA application_id=%d;", text, have+i+1, applicationID)
		if _, err := tx.ExecContext(ctx, step); err != nil {
			_ = tx.Rollback() // the statement's error says more
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	// The exclusive lock comes with the first write; take it now, so that who
	// comes second learns it at once.
	if _, err := j.conn.ExecContext(ctx, "BEGIN EXCLUSIVE; COMMIT"); err != nil {
		return err
	}
	return nil
}
