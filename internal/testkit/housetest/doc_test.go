// Package housetest checks the plan of the house: which room may import which, that pure rooms are pure, and that every package
// says what it holds. The rules are the table in rules_test.go; it holds nothing but tests.
package housetest
