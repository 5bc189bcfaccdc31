package runtime

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed bootstrap/bootstrap.py
var pythonBootstrap []byte

//go:embed bootstrap/bootstrap.cjs
var nodeBootstrap []byte

// writeBootstraps puts the bootstraps where interpreters can read them.
func writeBootstraps(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write the bootstraps: %w", err)
	}
	for name, content := range map[string][]byte{"bootstrap.py": pythonBootstrap, "bootstrap.cjs": nodeBootstrap} {
		path := filepath.Join(dir, name)
		// One that an earlier run left can be removed, but not written.
		_ = os.Remove(path)
		if err := os.WriteFile(path, content, 0o444); err != nil {
			return fmt.Errorf("write the bootstraps: %w", err)
		}
	}
	return nil
}
