package jackson

import (
	"fmt"
	"testing"
)

// TestTextAndHashOrderAreJavas holds maps against what a Java worker printed of them.
func TestTextAndHashOrderAreJavas(t *testing.T) {
	for in, want := range map[string]string{
		`{"offset":-1,"zz":1e10,"yy":true,"xx":null,"alpha":"t"}`:                         `{zz=1.0E10, yy=true, xx=null, offset=-1, alpha=t}`,
		`{"topic":"t1","cluster":"a","partition":1.0}`:                                    `{cluster=a, partition=1.0, topic=t1}`,
		`{"topic":"t1","partition":-0,"cluster":"other","zebra":1,"yak":"b"}`:             `{zebra=1, cluster=other, yak=b, partition=0, topic=t1}`,
		`{"filename":"o","zeta":1,"alpha":2,"kappa":3}`:                                   `{zeta=1, filename=o, alpha=2, kappa=3}`,
		`{"position":3,"d":1e300,"e":1e-5,"f":100.0,"g":12345678.9}`:                      `{d=1.0E300, e=1.0E-5, f=100.0, g=1.23456789E7, position=3}`,
		`{"position":3,"y":1.5,"z":"t","b":true,"n":null}`:                                `{b=true, y=1.5, z=t, position=3, n=null}`,
		`{"kafka_topic":"t1","kafka_partition":0}`:                                        `{kafka_partition=0, kafka_topic=t1}`,
		`{"l":[1,"a",null,{"x":1}],"big":99999999999999999999}`:                           `{big=99999999999999999999, l=[1, a, null, {x=1}]}`,
		`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"q":2}`: `{a=1, b=1, c=1, d=1, e=1, f=1, g=1, h=1, i=1, j=1, k=1, l=1, q=2}`,
	} {
		v, err := Parse([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if got := Text(v.(Object).HashOrder()); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
	if got := fmt.Sprintln(Text(true), Text(7), Text(int64(-7)), Text(2.5), Text(struct{}{})); got != "true 7 -7 2.5 \n" {
		t.Error(got)
	}
}
