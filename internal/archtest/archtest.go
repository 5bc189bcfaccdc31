// Package archtest holds the code to what ARCHITECTURE.md says: every package
// has a row in its table, the row says what the package comment says, imports go
// down, pure packages import no way out, and only internal/clock reads the clock.
//
// The rules are read from the table, so that the document is the place where
// the house is changed.
package archtest

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Row is one line of the table: a package in its layer. Layer 1 is the top.
type Row struct {
	Layer   int
	Package string // relative to the module's root
	Purpose string // what follows "Package name " in the package comment's first sentence
	Pure    bool
}

// A Package is what the code says of itself.
type Package struct {
	Path      string            // relative to the module's root
	Purpose   string            // of the package comment; empty without one
	Imports   map[string]string // import path → a file that has it; tests left out
	ClockUses []string          // places that read or wait on the clock; tests left out
	Draws     []string          // places that draw from the process's own chance; tests left out
}

// ReadTable reads the rows below the heading "## The table". A line that is in
// the table's form but cannot be read is an error with its number.
func ReadTable(file string) ([]Row, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it is only read
	var rows []Row
	inTable := false
	scanner := bufio.NewScanner(f)
	for n := 1; scanner.Scan(); n++ {
		line := scanner.Text()
		if strings.HasPrefix(line, "## ") {
			inTable = line == "## The table"
			continue
		}
		if !inTable || !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| layer") {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), "|")
		if len(cells) != 4 {
			return nil, fmt.Errorf("%s:%d: want 4 cells, have %d", file, n, len(cells))
		}
		layer, err := strconv.Atoi(strings.TrimSpace(cells[0]))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: layer: %w", file, n, err)
		}
		rows = append(rows, Row{
			Layer:   layer,
			Package: strings.Trim(strings.TrimSpace(cells[1]), "`"),
			Purpose: strings.TrimSpace(cells[2]),
			Pure:    strings.TrimSpace(cells[3]) == "pure",
		})
	}
	return rows, scanner.Err()
}

// ReadPackages reads every package of the module at root that the go command
// would build.
func ReadPackages(root string) ([]Package, error) {
	byPath := map[string]*Package{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			skip := name == "testdata" || name == "tools" && rel == "tools" || rel != "." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_"))
			if skip {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		dir := filepath.ToSlash(filepath.Dir(rel))
		p := byPath[dir]
		if p == nil {
			p = &Package{Path: dir, Imports: map[string]string{}}
			byPath[dir] = p
		}
		return p.readFile(path, filepath.ToSlash(rel))
	})
	if err != nil {
		return nil, err
	}
	packages := make([]Package, 0, len(byPath))
	for _, p := range byPath {
		packages = append(packages, *p)
	}
	slices.SortFunc(packages, func(a, b Package) int { return strings.Compare(a.Path, b.Path) })
	return packages, nil
}

func (p *Package) readFile(path, rel string) error {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	if f.Doc != nil && p.Purpose == "" {
		p.Purpose = firstSentence(f.Doc.Text())
	}
	names := map[string]string{} // package name in this file → import path
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		if _, seen := p.Imports[imported]; !seen {
			p.Imports[imported] = rel
		}
		switch {
		case spec.Name != nil:
			names[spec.Name.Name] = imported
		case imported == "math/rand/v2":
			names["rand"] = imported
		default:
			names[imported] = imported
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		place := fmt.Sprintf("%s:%d", rel, fset.Position(sel.Pos()).Line)
		switch {
		case names[x.Name] == "time" && slices.Contains(clockFuncs, sel.Sel.Name):
			p.ClockUses = append(p.ClockUses, place)
		case names[x.Name] == "math/rand/v2" && !slices.Contains(seeded, sel.Sel.Name):
			p.Draws = append(p.Draws, place)
		}
		return true
	})
	return nil
}

// seeded are the names of math/rand/v2 that need a seed or a source from
// somebody; all others draw from the process's own chance.
var seeded = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG", "ChaCha8", "Zipf"}

// clockFuncs are the functions of package time that read or wait on the clock.
var clockFuncs = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}

// firstSentence returns what a package comment says after "Package name " or
// "Command name " up to the first full stop, on one line.
func firstSentence(doc string) string {
	words := strings.Fields(doc)
	if len(words) > 2 && (words[0] == "Package" || words[0] == "Command") {
		words = words[2:]
	}
	text := strings.Join(words, " ")
	if i := strings.Index(text, ". "); i >= 0 {
		text = text[:i]
	}
	return strings.NewReplacer("[", "", "]", "").Replace(strings.TrimSuffix(text, "."))
}

// wayOut lists what a pure package must not import, by prefix.
var wayOut = []string{
	"net", "os", "syscall", "database/sql", "io/ioutil", "log", "crypto/rand",
	"github.com/aws/", "modernc.org/", "github.com/jackc/", "github.com/spf13/",
}

// Check compares table and code, and returns one sentence for each thing that is
// not as the table says.
func Check(module string, rows []Row, packages []Package) []string {
	var problems []string
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	byPackage := map[string]Row{}
	for _, r := range rows {
		if _, twice := byPackage[r.Package]; twice {
			problem("%s has two rows in the table", r.Package)
		}
		byPackage[r.Package] = r
	}
	exists := map[string]bool{}
	for _, p := range packages {
		exists[p.Path] = true
		row, ok := byPackage[p.Path]
		if !ok {
			problem("%s has no row in the table; its comment says: %s", p.Path, p.Purpose)
			continue
		}
		if p.Purpose != row.Purpose {
			problem("%s: the table says %q, the package comment says %q", p.Path, row.Purpose, p.Purpose)
		}
		if p.Path != "internal/clock" {
			for _, place := range p.ClockUses {
				problem("%s reads the clock; only internal/clock may", place)
			}
		}
		if row.Pure {
			for _, place := range p.Draws {
				problem("%s draws from the process's own chance: %s is pure", place, p.Path)
			}
		}
		for imported, file := range p.Imports {
			if below, inModule := strings.CutPrefix(imported, module+"/"); inModule {
				if to, ok := byPackage[below]; ok && to.Layer < row.Layer {
					problem("%s imports %s: layer %d must not know layer %d", file, below, row.Layer, to.Layer)
				} else if ok && row.Pure && !to.Pure {
					problem("%s imports %s: %s is pure, %s is not", file, below, p.Path, below)
				}
			} else if row.Pure {
				for _, prefix := range wayOut {
					if imported == strings.TrimSuffix(prefix, "/") || strings.HasPrefix(imported, strings.TrimSuffix(prefix, "/")+"/") {
						problem("%s imports %s: %s is pure", file, imported, p.Path)
					}
				}
			}
		}
	}
	for _, r := range rows {
		if !exists[r.Package] {
			problem("the table has a row for %s, which is not there", r.Package)
		}
	}
	slices.Sort(problems)
	return problems
}
