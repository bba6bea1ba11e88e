package transform

import (
	"errors"
	"strconv"
	"strings"
)

// dateFields are what a text told of a time, each with the order in which it was told: of fields that contradict each
// other, the later counts, as in Java's Calendar.
type dateFields struct {
	values map[dateField]int64
	told   map[dateField]int
	count  int
}

type dateField uint8

const (
	fieldEra dateField = iota
	fieldYear
	fieldWeekYear
	fieldMonth // from 1
	fieldDay
	fieldDayOfYear
	fieldWeek        // of the year
	fieldWeekOfMonth // 'W'
	fieldNth         // which of the weekdays of the month
	fieldWeekday     // Sunday is 0
	fieldHour        // of the day
	fieldHalfHour    // hour of half a day
	fieldHalf        // AM is 0
	fieldMinute
	fieldSecond
	fieldMs
	fieldZone // milliseconds east of UTC
)

// numericFields are letters that stand for a plain number.
var numericFields = map[byte]dateField{
	'y': fieldYear, 'Y': fieldWeekYear, 'M': fieldMonth, 'L': fieldMonth, 'w': fieldWeek, 'W': fieldWeekOfMonth, 'D': fieldDayOfYear,
	'd': fieldDay, 'F': fieldNth, 'u': fieldWeekday, 'H': fieldHour, 'k': fieldHour, 'K': fieldHalfHour, 'h': fieldHalfHour,
	'm': fieldMinute, 's': fieldSecond, 'S': fieldMs,
}

// isNumber tells whether the field is one, and no name or time zone.
func (p datePart) isNumber() bool {
	field, ok := numericFields[p.letter]
	return ok && (field != fieldMonth || p.count < 3)
}

func (d *dateFields) set(f dateField, v int64) {
	d.count++
	d.values[f], d.told[f] = v, d.count
}

func (d *dateFields) get(f dateField, otherwise int64) int64 {
	if v, ok := d.values[f]; ok {
		return v
	}
	return otherwise
}

var errUnparseable = errors.New("unparseable date")

// dateReader reads a text by a pattern.
type dateReader struct {
	text string
	pos  int
	dateFields
	// pivotMs is the pivot, pivotYear its year. ambiguous tells that two digits named that very year.
	pivotMs, pivotYear int64
	ambiguous          bool
}

// parse reads a time and gives milliseconds since the epoch. Like Java it is lenient: fields may overflow, and what follows
// after the pattern does not matter.
func (f *dateFormat) parse(text string) (int64, error) {
	r := &dateReader{
		text: text, dateFields: dateFields{values: map[dateField]int64{}, told: map[dateField]int{}},
		pivotMs: f.pivot, pivotYear: momentOf(f.pivot).year,
	}
	for i, p := range f.parts {
		if p.letter == 0 {
			if !strings.HasPrefix(r.text[r.pos:], p.literal) {
				return 0, errUnparseable
			}
			r.pos += len(p.literal)
			continue
		}
		// A number with another right after it has as many digits as letters.
		adjacent := i+1 < len(f.parts) && f.parts[i+1].isNumber()
		if !r.read(p, adjacent) {
			return 0, errUnparseable
		}
	}
	if r.pos == 0 {
		return 0, errUnparseable // nothing was read, as of an empty pattern
	}
	ms := r.instant()
	if r.ambiguous && ms < r.pivotMs {
		r.values[fieldYear] += 100
		ms = r.instant()
	}
	return ms, nil
}

func (r *dateReader) read(p datePart, adjacent bool) bool {
	start := r.pos
	for r.pos < len(r.text) && (r.text[r.pos] == ' ' || r.text[r.pos] == '\t') {
		r.pos++
	}
	if r.pos == len(r.text) {
		return false
	}
	switch p.letter {
	case 'G':
		return r.name(start, fieldEra, eraNames)
	case 'E':
		return r.name(start, fieldWeekday, weekdayNames)
	case 'a':
		return r.name(start, fieldHalf, halfNames)
	case 'z', 'Z':
		return r.zone()
	case 'X':
		return r.isoZone(p.count)
	}
	if !p.isNumber() {
		return r.name(start, fieldMonth, monthNames)
	}
	from := r.pos
	end := len(r.text)
	if adjacent {
		if end = start + p.count; end > len(r.text) {
			return false
		}
	}
	n, ok := r.number(end)
	if ok {
		r.put(p, n, r.text[from:r.pos])
	}
	return ok
}

// number reads digits, with a minus before them, up to end.
func (r *dateReader) number(end int) (int64, bool) {
	i := r.pos
	negative := i < end && r.text[i] == '-'
	if negative {
		i++
	}
	digits := i
	for i < end && r.text[i] >= '0' && r.text[i] <= '9' {
		i++
	}
	if i == digits {
		return 0, false
	}
	n, err := strconv.ParseInt(r.text[digits:i], 10, 64)
	if err != nil {
		n = 1<<31 - 1
	}
	if negative {
		n = -n
	}
	r.pos = i
	return int64(int32(n)), true
}

// put takes a number for a field.
func (r *dateReader) put(p datePart, n int64, text string) {
	switch p.letter {
	case 'y', 'Y':
		if p.count <= 2 && len(text) == 2 && text[0] != '-' {
			start := r.pivotYear % 100
			r.ambiguous = n == start
			n += r.pivotYear - start
			if n < r.pivotYear {
				n += 100
			}
		}
	case 'k':
		if n == 24 {
			n = 0
		}
	case 'h':
		if n == 12 {
			n = 0
		}
	case 'u':
		n = floorMod(n, 7)
	}
	r.set(numericFields[p.letter], n)
}

// name reads the longest of the names, or of their first three letters, in any case. Java does not skip blanks before names.
func (r *dateReader) name(start int, f dateField, names []string) bool {
	rest, best := r.text[start:], 0
	for i, full := range names {
		for _, name := range []string{full, full[:min(3, len(full))]} {
			if len(name) > best && len(name) <= len(rest) && strings.EqualFold(rest[:len(name)], name) {
				best = len(name)
				value := int64(i)
				if f == fieldMonth {
					value++
				}
				r.set(f, value)
			}
		}
	}
	r.pos = start + best
	return best > 0
}

// instant puts the fields together.
func (r *dateReader) instant() int64 {
	day, ms := r.date(), r.timeOfDay()
	return day*msPerDay + ms - r.get(fieldZone, 0)
}

func (r *dateReader) timeOfDay() int64 {
	hour := r.get(fieldHour, 0)
	half := max(r.told[fieldHalfHour], r.told[fieldHalf])
	complete := r.told[fieldHalfHour] > 0 && r.told[fieldHalf] > 0
	if half > 0 && (r.told[fieldHour] == 0 || complete && half > r.told[fieldHour]) {
		hour = r.get(fieldHalfHour, 0) + 12*r.get(fieldHalf, 0)
	}
	return ((hour*60+r.get(fieldMinute, 0))*60+r.get(fieldSecond, 0))*1000 + r.get(fieldMs, 0)
}

// date gives the day since 1970: by whichever way of naming a day was told last, of those that are complete.
func (r *dateReader) date() int64 {
	wday := r.get(fieldWeekday, 0)
	if r.told[fieldWeekYear] > r.told[fieldYear] {
		return inWeek(civil{r.values[fieldWeekYear], 1, 1}.days(), r.get(fieldWeek, 1), wday)
	}
	year := r.get(fieldYear, 1970)
	if era, ok := r.values[fieldEra]; ok && era == 0 {
		year = 1 - year
	}
	month := civil{year, r.get(fieldMonth, 1), 1}
	switch r.wayOfDay() {
	case fieldDayOfYear:
		return civil{year, 1, 1}.days() + r.values[fieldDayOfYear] - 1
	case fieldWeek:
		return inWeek(civil{year, 1, 1}.days(), r.values[fieldWeek], wday)
	case fieldWeekOfMonth:
		return inWeek(month.days(), r.values[fieldWeekOfMonth], wday)
	case fieldNth:
		first := month.days()
		return first + floorMod(wday-weekday(first), 7) + 7*(r.get(fieldNth, 1)-1)
	}
	month.day = r.get(fieldDay, 1)
	return month.days()
}

// wayOfDay tells which field names the day.
func (r *dateReader) wayOfDay() dateField {
	best, when := fieldDay, r.told[fieldDay]
	later := func(f dateField, told int) {
		if told > when {
			best, when = f, told
		}
	}
	withWeekday := func(f dateField) int {
		if r.told[f] == 0 || r.told[fieldWeekday] == 0 {
			return 0
		}
		return max(r.told[f], r.told[fieldWeekday])
	}
	later(fieldWeekOfMonth, withWeekday(fieldWeekOfMonth))
	later(fieldNth, withWeekday(fieldNth))
	later(fieldDayOfYear, r.told[fieldDayOfYear])
	later(fieldWeek, withWeekday(fieldWeek))
	if when == 0 { // nothing complete: a week alone, or a weekday alone
		later(fieldWeekOfMonth, r.told[fieldWeekOfMonth])
		later(fieldNth, max(r.told[fieldNth], r.told[fieldWeekday]))
		later(fieldWeek, r.told[fieldWeek])
	}
	return best
}
