package clientconf

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseJAAS(t *testing.T) {
	const plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
	tests := map[string]struct {
		text string
		want JAAS
	}{
		"double quotes": {
			plain + ` required username="alice" password="s3cret";`,
			JAAS{plain, map[string]string{"username": "alice", "password": "s3cret"}},
		},
		"single quotes hold double ones": {
			plain + ` required password='a"b;c=d' ;`,
			JAAS{plain, map[string]string{"password": `a"b;c=d`}},
		},
		"escapes": {
			plain + ` Required p="q\"\\\t\n\141\777x\q";`,
			JAAS{plain, map[string]string{"p": "q\"\\\t\na?7xq"}},
		},
		"bare words": {
			plain + ` OPTIONAL a=b-c_d.$e tokenauth=true;`,
			JAAS{plain, map[string]string{"a": "b-c_d.$e", "tokenauth": "true"}},
		},
		"comments and lines": {
			"// who\n" + plain + " sufficient /* what\n */ a = \"b\" // c=d;\n\t;  ",
			JAAS{plain, map[string]string{"a": "b"}},
		},
		"slash inside quotes":  {plain + ` requisite u="http://x/y";`, JAAS{plain, map[string]string{"u": "http://x/y"}}},
		"no options":           {plain + ` required;`, JAAS{plain, map[string]string{}}},
		"quoted key, last one": {plain + ` required "a b"="1" "a b"="2";`, JAAS{plain, map[string]string{"a b": "2"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseJAAS(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseJAASErrorsTellWhereAndHideTheText(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"empty":           {"", "class of a login module"},
		"no flag":         {"Hunter2", "required, requisite"},
		"wrong flag":      {"x Hunter2 a=b;", "required, requisite"},
		"no semicolon":    {`x required password="Hunter2"`, "';'"},
		"unquoted symbol": {`x required password=Hun@Hunter2;`, "double quotes"},
		"no value":        {`x required password=;`, "character"},
		"no equals":       {`x required Hunter2 password="y";`, "character 20"},
		"open quote":      {`x required password="Hunter2;`, "quote without its end at character 21"},
		"two entries":     {`x required a="b"; Hunter2 required;`, "one login module"},
		"ends in option":  {`x required password=`, "middle of an option"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseJAAS(tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "Hunter2") {
				t.Errorf("leaks the text: %v", err)
			}
		})
	}
}

func FuzzParseJAAS(f *testing.F) {
	f.Add(`org.apache.kafka.common.security.plain.PlainLoginModule required username="a" password="b\"\\";`)
	f.Add(`x required a='\377' b=c /* */ // y` + "\n;")
	f.Add(`x required "`)
	f.Fuzz(func(t *testing.T, text string) {
		entry, err := ParseJAAS(text)
		if (entry == nil) == (err == nil) {
			t.Fatalf("entry %v with error %v", entry, err)
		}
		if err != nil {
			return
		}
		// What was read can be written again, quoted, and reads the same.
		var b strings.Builder
		b.WriteString(quoteJAAS(entry.Module) + " required")
		for key, value := range entry.Options {
			b.WriteString(" " + quoteJAAS(key) + "=" + quoteJAAS(value))
		}
		again, err := ParseJAAS(b.String() + ";")
		if err != nil {
			t.Fatalf("%q: %v", b.String(), err)
		}
		if diff := cmp.Diff(entry, again); diff != "" {
			t.Error(diff)
		}
	})
}

func quoteJAAS(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`).Replace(s) + `"`
}
