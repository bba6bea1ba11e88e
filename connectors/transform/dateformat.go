package transform

import (
	"strconv"
	"strings"
	"time"
)

// dateFormat writes and reads times as Java's SimpleDateFormat does, in English and UTC.
type dateFormat struct {
	pattern string
	parts   []datePart
	// pivot is 80 years before the format was made: two digits of a year mean the first such year after it.
	pivot int64
}

// datePart is a field, or a literal where the letter is 0.
type datePart struct {
	letter  byte
	count   int
	literal string
}

// dateLetters are the fields that there are.
const dateLetters = "GyYMLwWDdFEuaHkKhmsSzZX"

// newDateFormat reads a pattern. The error is in Java's words.
func newDateFormat(pattern string, now time.Time) (*dateFormat, error) {
	f := &dateFormat{pattern: pattern, pivot: now.UTC().AddDate(-80, 0, 0).UnixMilli()}
	quoted := false
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '\'' && strings.HasPrefix(pattern[i+1:], "'"):
			f.literal("'")
			i++
		case c == '\'':
			quoted = !quoted
		case quoted || c|0x20 < 'a' || c|0x20 > 'z':
			f.literal(pattern[i : i+1])
		case !strings.Contains(dateLetters, string(c)):
			return nil, javaError("Illegal pattern character '%c'", c)
		default:
			start := i
			for i+1 < len(pattern) && pattern[i+1] == c {
				i++
			}
			n := i + 1 - start
			if c == 'X' && n > 3 {
				return nil, javaError("invalid ISO 8601 format: length=%d", n)
			}
			f.parts = append(f.parts, datePart{letter: c, count: n})
		}
	}
	if quoted {
		return nil, javaError("Unterminated quote")
	}
	return f, nil
}

func (f *dateFormat) literal(b string) {
	if n := len(f.parts); n > 0 && f.parts[n-1].letter == 0 {
		f.parts[n-1].literal += b
		return
	}
	f.parts = append(f.parts, datePart{literal: b})
}

var (
	monthNames = []string{
		"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
	}
	weekdayNames = []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	eraNames     = []string{"BC", "AD"}
	halfNames    = []string{"AM", "PM"}
)

// moment is a time taken apart.
type moment struct {
	civil
	epochDay, msOfDay int64
}

func momentOf(ms int64) moment {
	day := floorDiv(ms, msPerDay)
	return moment{civilOf(day), day, ms - day*msPerDay}
}

// format writes a time in milliseconds since the epoch.
func (f *dateFormat) format(ms int64) string {
	m := momentOf(ms)
	var b strings.Builder
	for _, p := range f.parts {
		if p.letter == 0 {
			b.WriteString(p.literal)
		} else {
			b.WriteString(p.format(m))
		}
	}
	return b.String()
}

func (p datePart) format(m moment) string {
	switch p.letter {
	case 'G':
		if m.year < 1 {
			return eraNames[0]
		}
		return eraNames[1]
	case 'y':
		if m.year < 1 {
			return p.year(1 - m.year)
		}
		return p.year(m.year)
	case 'Y':
		return p.year(m.weekYear())
	case 'M', 'L':
		if p.count < 3 {
			return p.number(m.month)
		}
		return p.name(monthNames[m.month-1])
	case 'E':
		return p.name(weekdayNames[weekday(m.epochDay)])
	case 'a':
		return halfNames[m.msOfDay/(msPerDay/2)]
	case 'z':
		if p.count >= 4 {
			return "Coordinated Universal Time"
		}
		return "UTC"
	case 'Z':
		return "+0000"
	case 'X':
		return "Z"
	}
	return p.number(p.value(m))
}

// value gives the fields that are always numbers.
func (p datePart) value(m moment) int64 {
	const msPerHour, msPerMinute = 3600_000, 60_000
	hour := m.msOfDay / msPerHour
	switch p.letter {
	case 'w':
		if m.weekYear() > m.year {
			return 1
		}
		return weekOf(civil{m.year, 1, 1}.days(), m.epochDay)
	case 'W':
		return weekOf(civil{m.year, m.month, 1}.days(), m.epochDay)
	case 'D':
		return m.epochDay - civil{m.year, 1, 1}.days() + 1
	case 'd':
		return m.day
	case 'F':
		return (m.epochDay-civil{m.year, m.month, 1}.days())/7 + 1
	case 'u':
		return (weekday(m.epochDay)+6)%7 + 1
	case 'H':
		return hour
	case 'k':
		return (hour+23)%24 + 1
	case 'K':
		return hour % 12
	case 'h':
		return (hour+11)%12 + 1
	case 'm':
		return m.msOfDay / msPerMinute % 60
	case 's':
		return m.msOfDay / 1000 % 60
	}
	return m.msOfDay % 1000 // S
}

// weekYear is the year to which the week belongs: the last days of December may be in the first week of the next year.
func (m moment) weekYear() int64 {
	if next := (civil{m.year + 1, 1, 1}).days(); m.epochDay >= next-weekday(next) {
		return m.year + 1
	}
	return m.year
}

func (p datePart) number(n int64) string { return pad(n, p.count) }

func pad(n int64, digits int) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	text := strconv.FormatInt(n, 10)
	return sign + strings.Repeat("0", max(0, digits-len(text))) + text
}

func (p datePart) year(y int64) string {
	if p.count == 2 {
		return pad(y%100, 2)
	}
	return pad(y, p.count)
}

func (p datePart) name(name string) string {
	if p.count < 4 {
		return name[:3]
	}
	return name
}
