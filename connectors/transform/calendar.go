package transform

// civil is a day in the calendar of Java's GregorianCalendar: Julian up to 4 October 1582, Gregorian from the day after,
// which is the 15th.
type civil struct {
	year       int64 // 0 is 1 BC
	month, day int64 // from 1
}

const (
	gregorianFrom  = -141427 // 15 October 1582, in days since 1970
	julianDayEpoch = 2440588 // 1 January 1970 as a Julian day number
)

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// civilOf gives the date of a day since 1970. The arithmetic is Richards' (Explanatory Supplement to the Astronomical
// Almanac, ch. 15), on years that begin in March.
func civilOf(day int64) civil {
	n := day + julianDayEpoch + 32044
	century := int64(0)
	if day >= gregorianFrom {
		century = floorDiv(4*n+3, 146097)
		n -= floorDiv(146097*century, 4)
	} else {
		n += 38 // the Julian calendar's own beginning
	}
	year := floorDiv(4*n+3, 1461)
	n -= floorDiv(1461*year, 4)
	month := floorDiv(5*n+2, 153)
	return civil{
		year:  100*century + year - 4800 + floorDiv(month, 10),
		month: month + 3 - 12*floorDiv(month, 10),
		day:   n - floorDiv(153*month+2, 5) + 1,
	}
}

// days gives the day since 1970. Months and days may overflow: month 13 is January.
func (c civil) days() int64 {
	year, month := c.year+floorDiv(c.month-1, 12), floorMod(c.month-1, 12)+1
	a := floorDiv(14-month, 12)
	y, m := year+4800-a, month+12*a-3
	days := c.day + floorDiv(153*m+2, 5) + 365*y + floorDiv(y, 4) - julianDayEpoch
	gregorian := days - floorDiv(y, 100) + floorDiv(y, 400) - 32045
	if gregorian >= gregorianFrom {
		return gregorian
	}
	return days - 32083
}

// weekday counts from Sunday, which is 0.
func weekday(day int64) int64 { return floorMod(day+4, 7) }

// weekOf counts the weeks since the one that holds the first day, which is week 1. Weeks begin on Sunday, as in the United
// States: so they do in a JVM whose language is English.
func weekOf(first, day int64) int64 { return floorDiv(day-first+weekday(first), 7) + 1 }

// inWeek is the day on a weekday of the week that weekOf counts so.
func inWeek(first, week, wday int64) int64 { return first - weekday(first) + 7*(week-1) + wday }
