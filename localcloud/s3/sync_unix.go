//go:build !windows

package s3

import (
	"errors"
	"os"
)

// syncFolder makes names in a folder survive a power cut.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
