package transform

import "strings"

const msPerMinute = 60_000

// zoneNames are the abbreviations that are understood, with their minutes east of UTC. Java knows some hundreds more.
var zoneNames = map[string]int64{
	"UTC": 0, "WET": 0, "WEST": 60, "BST": 60, "CET": 60, "CEST": 120, "EET": 120, "EEST": 180, "MSK": 180, "JST": 540,
	"EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420,
}

// zone reads +hhmm, GMT, GMT+h:mm or the abbreviation of a zone.
func (r *dateReader) zone() bool {
	rest := r.text[r.pos:]
	if sign := signOf(rest); sign != 0 {
		r.pos++
		return r.offset(sign, 0, false)
	}
	if len(rest) >= 3 && strings.EqualFold(rest[:3], "GMT") {
		r.pos += 3
		if sign := signOf(rest[3:]); sign != 0 {
			r.pos++
			return r.offset(sign, 0, true)
		}
		r.set(fieldZone, 0)
		return true
	}
	best := ""
	for name := range zoneNames {
		if len(name) > len(best) && len(name) <= len(rest) && strings.EqualFold(rest[:len(name)], name) {
			best = name
		}
	}
	r.pos += len(best)
	r.set(fieldZone, zoneNames[best]*msPerMinute)
	return best != ""
}

func signOf(text string) int64 {
	switch {
	case strings.HasPrefix(text, "+"):
		return 1
	case strings.HasPrefix(text, "-"):
		return -1
	}
	return 0
}

// isoZone reads Z, or an offset of as many parts as the pattern has letters: +hh, +hhmm, +hh:mm.
func (r *dateReader) isoZone(count int) bool {
	rest := r.text[r.pos:]
	if strings.HasPrefix(rest, "Z") {
		r.pos++
		r.set(fieldZone, 0)
		return true
	}
	sign := signOf(rest)
	r.pos++
	return sign != 0 && r.offset(sign, count, count == 3)
}

// offset reads the digits of an offset. With a colon and no count one digit of hours will do.
func (r *dateReader) offset(sign int64, count int, colon bool) bool {
	digits := func(least int) (n int64, ok bool) {
		from := r.pos
		for r.pos < len(r.text) && r.pos < from+2 && r.text[r.pos] >= '0' && r.text[r.pos] <= '9' {
			n = n*10 + int64(r.text[r.pos]-'0')
			r.pos++
		}
		return n, r.pos-from >= least
	}
	least := 2
	if colon && count == 0 {
		least = 1
	}
	hours, ok := digits(least)
	if !ok || hours > 23 {
		return false
	}
	minutes := int64(0)
	if count != 1 {
		if colon {
			if !strings.HasPrefix(r.text[r.pos:], ":") {
				return false
			}
			r.pos++
		}
		if minutes, ok = digits(2); !ok || minutes > 59 {
			return false
		}
	}
	r.set(fieldZone, sign*(hours*60+minutes)*msPerMinute)
	return true
}
