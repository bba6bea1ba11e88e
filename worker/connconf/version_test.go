package connconf

import "testing"

func TestVersionRanges(t *testing.T) {
	for _, tc := range []struct{ spec, version, want string }{
		{"latest", "4.3.1", "yes"},
		{"4.3.1", "4.3.1", "yes"},
		{" 4.3 ", "4.3.0", "yes"},
		{"[4.3.1]", "4.3.1", "yes"},
		{"4.3.0", "4.3.1", "no"},
		{"[4.0,5.0)", "4.3.1", "yes"},
		{"[4.0,4.3.1)", "4.3.1", "no"},
		{"(4.3.1,)", "4.3.1", "no"},
		{"(,4.3.1]", "4.3.1", "yes"},
		{"(,1.0],[4,5]", "4.3.1", "yes"},
		{"(,1.0],[5,6]", "4.3.1", "no"},
		{"[4.3.1-rc1,4.3.1]", "4.3.1", "yes"},
		{"[4.10,)", "4.9", "no"},
		{"[1,", "", "Unbounded range: [1,"},
		{"[1,2]3", "", "Only fully-qualified sets allowed in multiple set scenario: [1,2]3"},
		{"(1)", "", "Single version must be surrounded by []: (1)"},
		{"[1,1]", "", "Range cannot have identical boundaries: [1,1]"},
		{"[2,1]", "", "Range defies version ordering: [2,1]"},
		{"[1,3],[2,4]", "", "Ranges overlap: [1,3],[2,4]"},
	} {
		r, err := parseRange(tc.spec)
		got := "no"
		switch {
		case err != nil:
			got = err.Error()
		case r.contains(tc.version):
			got = "yes"
		}
		if got != tc.want {
			t.Errorf("%s in %s: %s", tc.version, tc.spec, got)
		}
	}
}

func FuzzVersionRange(f *testing.F) {
	for _, s := range []string{"1.0", "[1,2)", "(,1],[2,)", "[1,", ""} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, spec string) {
		if r, err := parseRange(spec); err == nil {
			r.contains(spec)
			_ = r.String()
		}
	})
}
