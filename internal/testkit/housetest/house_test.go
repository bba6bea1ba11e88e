package housetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// pkg is what `go list` tells of a package.
type pkg struct {
	ImportPath   string
	Dir          string
	GoFiles      []string
	CgoFiles     []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
	Deps         []string
}

// packages lists the module once for all tests.
var packages = sync.OnceValues(func() ([]pkg, error) {
	command := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,Imports,Deps", module+"/...")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.String())
	}
	var all []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
})

func eachPackage(t *testing.T, check func(*testing.T, pkg)) {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("go list found no package")
	}
	for _, p := range all {
		check(t, p)
	}
}

func TestEveryPackageHasARoom(t *testing.T) {
	eachPackage(t, func(t *testing.T, p pkg) {
		if _, found := roomOf(p.ImportPath); !found {
			t.Errorf("%s has no room: give it a line in rules_test.go, with its layer", p.ImportPath)
		}
	})
}

func TestImportsGoDownward(t *testing.T) {
	eachPackage(t, func(t *testing.T, p pkg) {
		from, found := roomOf(p.ImportPath)
		if !found {
			return // another test says so
		}
		for _, path := range p.Imports {
			if to, ours := roomOf(path); ours {
				if why := mayImport(from, to); why != "" {
					t.Errorf("%s imports %s: %s", p.ImportPath, path, why)
				}
			} else if from.stdlibOnly && strings.Contains(strings.Split(path, "/")[0], ".") {
				t.Errorf("%s imports %s: other people's code depends on this room, so it takes the standard library only", p.ImportPath, path)
			}
			if within(path, module+"/internal/testkit") && !within(p.ImportPath, module+"/internal/testkit") && from.layer != command {
				t.Errorf("%s imports %s outside its tests", p.ImportPath, path)
			}
		}
	})
}

func TestConfinedModulesStayInTheirRoom(t *testing.T) {
	for _, rule := range confined {
		eachPackage(t, func(t *testing.T, p pkg) {
			here, _ := roomOf(p.ImportPath)
			if here.path == rule.home {
				return
			}
			for _, path := range p.Imports {
				if within(path, rule.module) {
					t.Errorf("%s imports %s: only %s may", p.ImportPath, path, rule.home)
				}
			}
			if slices.Contains(p.Deps, module+"/"+rule.home) && !slices.Contains(rule.carried, here.layer) {
				t.Errorf("%s depends on %s, which brings in %s: only assemblies and commands may", p.ImportPath, rule.home, rule.module)
			}
		})
	}
}

func TestPureRoomsArePure(t *testing.T) {
	eachPackage(t, func(t *testing.T, p pkg) {
		if r, _ := roomOf(p.ImportPath); r.pure {
			for _, file := range p.GoFiles {
				for _, finding := range impurities(t, filepath.Join(p.Dir, file), nil) {
					t.Errorf("%s is pure: %s", p.ImportPath, finding)
				}
			}
		}
	})
}

func TestEveryPackageSaysWhatItHolds(t *testing.T) {
	eachPackage(t, func(t *testing.T, p pkg) {
		files := slices.Concat(p.GoFiles, p.CgoFiles)
		if len(files) == 0 {
			files = slices.Concat(p.TestGoFiles, p.XTestGoFiles)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Error(err)
				continue
			}
			if parsed.Doc != nil && len(strings.Fields(parsed.Doc.Text())) >= 5 {
				return
			}
		}
		t.Errorf("%s has no package comment that says what it holds and what it must not touch", p.ImportPath)
	})
}

// impurities lists what in a file is not fit for a pure room. The source is read from the file unless given.
func impurities(t *testing.T, name string, source any) []string {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	report := func(node ast.Node, what string) {
		position := files.Position(node.Pos())
		found = append(found, fmt.Sprintf("%s:%d: %s", filepath.Base(position.Filename), position.Line, what))
	}
	allowed := map[string]func(string) bool{} // by the name under which the file knows the package
	for _, spec := range file.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			report(spec, err.Error())
			continue
		}
		if rule, ok := partly[importPath]; ok {
			name := path.Base(importPath)
			if spec.Name != nil {
				name = spec.Name.Name
			}
			allowed[name] = rule
		} else if slices.ContainsFunc(impureImports, func(bad string) bool { return within(importPath, bad) }) {
			report(spec, "imports "+importPath)
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.GoStmt:
			report(node, "starts a goroutine")
		case *ast.SelectorExpr:
			if pkg, ok := node.X.(*ast.Ident); ok && allowed[pkg.Name] != nil && !allowed[pkg.Name](node.Sel.Name) {
				report(node, "uses "+pkg.Name+"."+node.Sel.Name)
			}
		}
		return true
	})
	return found
}
