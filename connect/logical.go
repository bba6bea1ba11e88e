package connect

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Names of the logical types. A schema with such a name carries the Go type given.
const (
	DecimalName   = "org.apache.kafka.connect.data.Decimal"   // Decimal, on bytes; parameter scale
	DateName      = "org.apache.kafka.connect.data.Date"      // time.Time at midnight UTC, on int32: days since the epoch
	TimeName      = "org.apache.kafka.connect.data.Time"      // time.Time on 1970-01-01 UTC, on int32: milliseconds of the day
	TimestampName = "org.apache.kafka.connect.data.Timestamp" // time.Time, on int64: milliseconds since the epoch
)

// ScaleParameter is the schema parameter that holds a Decimal's scale.
const ScaleParameter = "scale"

// The schemas of the logical types of time.
var (
	DateSchema              = &Schema{Kind: Int32, Name: DateName, Version: 1}
	TimeSchema              = &Schema{Kind: Int32, Name: TimeName, Version: 1}
	TimestampSchema         = &Schema{Kind: Int64, Name: TimestampName, Version: 1}
	OptionalDateSchema      = &Schema{Kind: Int32, Name: DateName, Version: 1, Optional: true}
	OptionalTimeSchema      = &Schema{Kind: Int32, Name: TimeName, Version: 1, Optional: true}
	OptionalTimestampSchema = &Schema{Kind: Int64, Name: TimestampName, Version: 1, Optional: true}
)

// DecimalSchema gives the schema of decimals with a scale.
func DecimalSchema(scale int32) *Schema {
	return &Schema{Kind: Bytes, Name: DecimalName, Version: 1, Parameters: map[string]string{ScaleParameter: strconv.Itoa(int(scale))}}
}

// Decimal is the number Unscaled * 10^-Scale, like Java's BigDecimal. A nil Unscaled is zero.
type Decimal struct {
	Unscaled *big.Int
	Scale    int32
}

// NewDecimal makes a Decimal of a small number.
func NewDecimal(unscaled int64, scale int32) Decimal { return Decimal{big.NewInt(unscaled), scale} }

func (d Decimal) unscaled() *big.Int {
	if d.Unscaled == nil {
		return new(big.Int)
	}
	return d.Unscaled
}

// maxDecimalDigits bounds what ParseDecimal reads, so that a hostile text costs little.
const maxDecimalDigits = 10_000

// ParseDecimal reads a number in the syntax of Java's BigDecimal: sign, digits with a point, exponent.
func ParseDecimal(text string) (Decimal, error) {
	bad := fmt.Errorf("%.40q is not a decimal number", text)
	mant, exp, hasExp := strings.Cut(strings.ReplaceAll(text, "E", "e"), "e")
	whole, frac, _ := strings.Cut(mant, ".")
	digits := strings.TrimPrefix(whole, "+") + frac
	unsigned := strings.TrimPrefix(digits, "-")
	if unsigned == "" || len(unsigned) > maxDecimalDigits || strings.Trim(unsigned, "0123456789") != "" ||
		strings.HasPrefix(whole, "+-") {
		return Decimal{}, bad
	}
	scale := int64(len(frac))
	if hasExp {
		e, err := strconv.ParseInt(exp, 10, 32)
		if err != nil {
			return Decimal{}, bad
		}
		scale -= e
	}
	unscaled, ok := new(big.Int).SetString(digits, 10)
	if !ok || scale != int64(int32(scale)) {
		return Decimal{}, bad
	}
	return Decimal{unscaled, int32(scale)}, nil
}

// String gives the text of BigDecimal.toString, with an exponent where that is shorter.
func (d Decimal) String() string {
	digits := d.unscaled().String()
	neg := strings.HasPrefix(digits, "-")
	digits = strings.TrimPrefix(digits, "-")
	sign := ""
	if neg {
		sign = "-"
	}
	scale := int64(d.Scale)
	exponent := int64(len(digits)) - 1 - scale
	switch {
	case scale == 0:
		return sign + digits
	case scale > 0 && exponent >= -6:
		if point := int64(len(digits)) - scale; point > 0 {
			return sign + digits[:point] + "." + digits[point:]
		}
		return sign + "0." + strings.Repeat("0", int(scale)-len(digits)) + digits
	}
	if len(digits) > 1 {
		digits = digits[:1] + "." + digits[1:]
	}
	if exponent == 0 {
		return sign + digits
	}
	return fmt.Sprintf("%s%sE%+d", sign, digits, exponent)
}

// Float64 gives the nearest double.
func (d Decimal) Float64() float64 {
	f, _ := strconv.ParseFloat(d.String(), 64) // a range error still yields ±Inf
	return f
}

func scaleOf(schema *Schema) (int32, error) {
	text, ok := schema.Parameters[ScaleParameter]
	if !ok {
		return 0, fmt.Errorf("a Decimal schema needs the parameter %s", ScaleParameter)
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("the parameter %s of a Decimal schema is %.40q; a whole number is expected", ScaleParameter, text)
	}
	return int32(n), nil
}

// EncodeDecimal gives the bytes of a Decimal: its unscaled number in two's complement, high byte first.
func EncodeDecimal(schema *Schema, d Decimal) ([]byte, error) {
	scale, err := scaleOf(schema)
	if err != nil {
		return nil, err
	}
	if scale != d.Scale {
		return nil, fmt.Errorf("a Decimal of scale %d does not fit its schema's scale %d", d.Scale, scale)
	}
	u := d.unscaled()
	if u.Sign() >= 0 {
		b := u.Bytes()
		if len(b) == 0 || b[0]&0x80 != 0 {
			b = append([]byte{0}, b...)
		}
		return b, nil
	}
	// -n is ^(n-1): as many bytes as n-1 needs, and one bit for the sign.
	b := new(big.Int).Sub(new(big.Int).Neg(u), big.NewInt(1)).Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	for i := range b {
		b[i] = ^b[i]
	}
	return b, nil
}

// DecodeDecimal reads what EncodeDecimal wrote.
func DecodeDecimal(schema *Schema, data []byte) (Decimal, error) {
	scale, err := scaleOf(schema)
	if err != nil {
		return Decimal{}, err
	}
	if len(data) == 0 {
		return Decimal{}, fmt.Errorf("a Decimal needs at least one byte")
	}
	u := new(big.Int).SetBytes(data)
	if data[0]&0x80 != 0 {
		u.Sub(u, new(big.Int).Lsh(big.NewInt(1), uint(8*len(data))))
	}
	return Decimal{u, scale}, nil
}

const msPerDay = 24 * 60 * 60 * 1000

// EncodeDate gives the days since the epoch. It fails for a time of day other than midnight UTC.
func EncodeDate(t time.Time) (int32, error) {
	ms := t.UnixMilli()
	if ms%msPerDay != 0 {
		return 0, fmt.Errorf("a Date must be midnight UTC, without a time of day")
	}
	days := ms / msPerDay
	if days != int64(int32(days)) {
		return 0, fmt.Errorf("a Date must lie within 2^31 days of 1970")
	}
	return int32(days), nil
}

// DecodeDate reads days since the epoch.
func DecodeDate(days int32) time.Time { return time.UnixMilli(int64(days) * msPerDay).UTC() }

// EncodeTime gives the milliseconds of the day. It fails for a day other than 1970-01-01 UTC.
func EncodeTime(t time.Time) (int32, error) {
	ms := t.UnixMilli()
	if ms < 0 || ms >= msPerDay {
		return 0, fmt.Errorf("a Time must be on 1970-01-01 UTC, without a date")
	}
	return int32(ms), nil
}

// DecodeTime reads milliseconds of the day.
func DecodeTime(ms int32) time.Time { return time.UnixMilli(int64(ms)).UTC() }

// EncodeTimestamp gives the milliseconds since the epoch.
func EncodeTimestamp(t time.Time) int64 { return t.UnixMilli() }

// DecodeTimestamp reads milliseconds since the epoch.
func DecodeTimestamp(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
