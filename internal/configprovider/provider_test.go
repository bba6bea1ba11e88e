package configprovider

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sources() Sources {
	files := map[string]string{
		"/etc/s.properties": "g=fromfile\npw=s3cret é\n", "/etc/d/g": "fromdir\n", "/etc/bad": "a=\\u1", "/secret": "no",
	}
	return Sources{
		ReadFile: func(p string) ([]byte, error) {
			if p == "/denied" || p == "/etc/d/denied" {
				return nil, fs.ErrPermission
			}
			if text, ok := files[p]; ok {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		},
		LookupEnv: func(k string) (string, bool) { return "envval", k == "WC_G" || k == "EMPTY" },
	}
}

func configured(extra ...string) map[string]string {
	props := map[string]string{
		"config.providers":            "file,env,dir,noclass",
		"config.providers.file.class": FileClass,
		"config.providers.env.class":  EnvVarClass,
		"config.providers.dir.class":  DirectoryClass,
	}
	for i := 0; i < len(extra); i += 2 {
		props[extra[i]] = extra[i+1]
	}
	return props
}

// What a Java worker of Kafka 4.3.1 makes of these values.
func TestResolvesAsJava(t *testing.T) {
	for _, c := range []struct {
		value, want, err string
		unresolved       int
		params           []string
	}{
		{value: "plain ${no} $ {x:y}", want: "plain ${no} $ {x:y}"},
		{value: "${file:/etc/s.properties:g}", want: "fromfile"},
		{value: "${file:/etc/s.properties:pw}!", want: "s3cret é!"},
		{value: "${file:/etc/s.properties:nokey}", want: "${file:/etc/s.properties:nokey}", unresolved: 1},
		{value: "${file:g}", want: "${file:g}", unresolved: 1},
		{value: "${other:/etc/s.properties:g}", want: "${other:/etc/s.properties:g}"},
		{value: "${noclass:g}", want: "${noclass:g}"},
		{value: "a${env:WC_G}b${env:WC_G}", want: "aenvvalbenvval"},
		{value: "${env:WC_G}${env:UNSET}", want: "envval${env:UNSET}", unresolved: 1},
		{value: "${env:WC_G}", want: "${env:WC_G}", unresolved: 1, params: []string{"config.providers.env.param.allowlist.pattern", "X.*"}},
		{value: "${dir:/etc/d:g}", want: "fromdir\n"},
		{value: "${dir:/etc/d:none}", want: "${dir:/etc/d:none}", unresolved: 1},
		{value: "${dir:/etc/d:../../secret}", want: "${dir:/etc/d:../../secret}", unresolved: 1},
		{value: "${file:/etc/s.properties:g}", want: "fromfile", params: []string{"config.providers.file.param.allowed.paths", "/opt,/etc"}},
		{value: "${file:/etc/s.properties:g}", want: "${file:/etc/s.properties:g}", unresolved: 1, params: []string{"config.providers.file.param.allowed.paths", "/et"}},
		{value: "${file:/opt/../etc/s.properties:g}", want: "${file:/opt/../etc/s.properties:g}", unresolved: 1, params: []string{"config.providers.file.param.allowed.paths", "/opt"}},
		{value: "${file:/no/file:g}", err: "v: Could not read properties from file /no/file"},
		{value: "${file:/etc/bad:a}", err: "v: Could not read properties from file /etc/bad"},
		{value: "${dir:/etc/d:denied}", err: "v: Could not read file /etc/d/denied for property denied"},
		{value: "a${env:path:WC_G}b", err: "v: Path is not supported for EnvVarConfigProvider, invalid value 'path'"},
	} {
		p, err := New(configured(c.params...), sources())
		if err != nil {
			t.Fatal(err)
		}
		got, unresolved, err := p.Resolve(map[string]string{"v": c.value, "other": "x"})
		if c.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%s: error %v, want %s", c.value, err, c.err)
			}
			continue
		}
		if err != nil || got["v"] != c.want || got["other"] != "x" || len(unresolved) != c.unresolved {
			t.Errorf("%s %v: %q, unresolved %v, %v; want %q", c.value, c.params, got["v"], unresolved, err, c.want)
		}
	}
}

func TestFaultyProviders(t *testing.T) {
	_, err := New(map[string]string{
		"config.providers":                             "a,b,c",
		"config.providers.a.class":                     "no.Such",
		"config.providers.b.class":                     FileClass,
		"config.providers.b.param.allowed.paths":       "etc",
		"config.providers.c.class":                     EnvVarClass,
		"config.providers.c.param.allowlist.pattern":   "(",
		"config.providers.ghost.param.never.looked.at": "x",
	}, sources())
	for _, want := range []string{
		"Invalid value no.Such for configuration config.providers.a.class: Could not load config provider class",
		"config.providers.b.param.allowed.paths: Path etc is not absolute",
		"config.providers.c.param.allowlist.pattern: not a regular expression",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in %v", want, err)
		}
	}
}

func TestEachFileIsReadOnce(t *testing.T) {
	reads := map[string]int{}
	src := sources()
	inner := src.ReadFile
	src.ReadFile = func(p string) ([]byte, error) { reads[p]++; return inner(p) }
	p, err := New(configured(), src)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = p.Resolve(map[string]string{"a": "${file:/etc/s.properties:g}", "b": "${file:/etc/s.properties:pw}${file:/etc/s.properties:g}"})
	if diff := cmp.Diff(map[string]int{"/etc/s.properties": 1}, reads); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestEveryFaultIsReported(t *testing.T) {
	p, err := New(configured(), sources())
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = p.Resolve(map[string]string{"a": "${file:/denied:x}", "b": "${env:p:x}"})
	if err == nil || !strings.Contains(err.Error(), "a: ") || !strings.Contains(err.Error(), "b: ") || !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("a${env:WC_G}b${file:/x:y}${")
	p, err := New(configured(), sources())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, _, err := p.Resolve(map[string]string{"v": value})
		if err == nil && !strings.Contains(value, "${") && got["v"] != value {
			t.Errorf("%q became %q", value, got["v"])
		}
	})
}
