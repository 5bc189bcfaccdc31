package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/crossfade-dev/crossfade"

func TestTheCodeIsAsArchitectureSays(t *testing.T) {
	rows, err := ReadTable("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	packages, err := ReadPackages("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 10 || len(packages) < 10 {
		t.Fatalf("read %d rows and %d packages; want at least 10 of each", len(rows), len(packages))
	}
	for _, p := range Check(module, rows, packages) {
		t.Error(p)
	}
}

func TestCheckFindsEachKindOfMistake(t *testing.T) {
	rows := []Row{
		{1, "top", "joins", false},
		{2, "low", "decides", true},
		{2, "gone", "is no more", false},
		{3, "dirty", "reads files", false},
		{3, "internal/clock", "tells the time", false},
	}
	packages := []Package{
		{Path: "top", Purpose: "joins", Imports: map[string]string{module + "/low": "top/a.go"}},
		{Path: "low", Purpose: "guesses", ClockUses: []string{"low/a.go:7"}, Draws: []string{"low/a.go:9"}, Imports: map[string]string{
			module + "/top": "low/a.go", module + "/dirty": "low/b.go", "net/http": "low/c.go", "fmt": "low/c.go",
		}},
		{Path: "dirty", Purpose: "reads files", Imports: map[string]string{"os": "dirty/a.go"}},
		{Path: "internal/clock", Purpose: "tells the time", ClockUses: []string{"internal/clock/clock.go:1"}},
		{Path: "new", Purpose: "has come"},
	}
	got := strings.Join(Check(module, rows, packages), "\n")
	want := strings.Join([]string{
		`low/a.go imports top: layer 2 must not know layer 1`,
		`low/a.go:7 reads the clock; only internal/clock may`,
		`low/a.go:9 draws from the process's own chance: low is pure`,
		`low/b.go imports dirty: low is pure, dirty is not`,
		`low/c.go imports net/http: low is pure`,
		`low: the table says "decides", the package comment says "guesses"`,
		`new has no row in the table; its comment says: has come`,
		`the table has a row for gone, which is not there`,
	}, "\n")
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestReadTableNamesTheBadLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "A.md")
	if err := os.WriteFile(file, []byte("# A\n\n## The table\n\n| layer | package | purpose | |\n|---|---|---|---|\n| 1 | `cli` | speaks |\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadTable(file); err == nil || !strings.Contains(err.Error(), "A.md:7: want 4 cells, have 3") {
		t.Errorf("got %v, want the file, the line and the count", err)
	}
}
