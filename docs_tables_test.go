package muc

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc/internal/roomconfig"
)

// printedTables are the tables that documents show.
var printedTables = map[string]func() string{
	"roles on entering":          printEntryRoles,
	"privileges of roles":        printRolePrivileges,
	"privileges of affiliations": printAffiliationPrivileges,
	"changes of affiliations":    printAffiliationRules,
	"changes of roles":           printRoleRules,
	"dispatch":                   printRoutes,
	"room configuration":         printConfigFields,
}

func markdownTable(rows ...[]string) string {
	var b strings.Builder
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	return b.String()
}

func printEntryRoles() string {
	rows := [][]string{{"Affiliation", "open room", "moderated room", "members-only room"}}
	for _, row := range defaultRoles {
		enters := func(c *RoomConfig) string {
			if !mayEnter(row.affiliation, c) {
				return "may not enter"
			}
			return defaultRole(row.affiliation, c).String()
		}
		rows = append(rows, []string{row.affiliation.String(), enters(&RoomConfig{}),
			enters(&RoomConfig{Moderated: true}), enters(&RoomConfig{MembersOnly: true})})
	}
	return markdownTable(rows...)
}

// affiliations are all of them, by rank.
var affiliations = []Affiliation{Outcast, AffiliationNone, Member, Admin, Owner}

func printAffiliationRules() string {
	rows := [][]string{{"Who asks"}}
	for _, target := range affiliations {
		rows[0] = append(rows[0], "makes of "+target.String())
	}
	for _, actor := range affiliations {
		row := []string{actor.String()}
		for _, old := range affiliations {
			row = append(row, among(func(new Affiliation) bool {
				a := actorFor(Moderator, actor)
				return new != old && a.mayAdminister() == nil && a.mayAffiliate(old, new) == nil
			}))
		}
		rows = append(rows, row)
	}
	return markdownTable(rows...)
}

func actorFor(role Role, aff Affiliation) *sender { return &sender{role: role, aff: aff} }

var roles = []Role{RoleNone, Visitor, Participant, Moderator}

func yesOrNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "–"
}

func printRolePrivileges() string {
	rows := [][]string{{"Privilege"}}
	for _, r := range roles {
		rows[0] = append(rows[0], r.String())
	}
	rows[0] = append(rows[0], "but")
	for p := range privileges {
		if privileges[p].role == RoleNone {
			continue
		}
		row := []string{privileges[p].name}
		for _, r := range roles {
			row = append(row, yesOrNo(roleMay(r, privilege(p))))
		}
		rows = append(rows, append(row, privileges[p].note))
	}
	return markdownTable(rows...)
}

func printAffiliationPrivileges() string {
	rows := [][]string{{"Privilege"}}
	for _, a := range affiliations {
		rows[0] = append(rows[0], a.String())
	}
	rows[0] = append(rows[0], "but")
	for p := range privileges {
		if privileges[p].role != RoleNone {
			continue
		}
		row := []string{privileges[p].name}
		for _, a := range affiliations {
			row = append(row, yesOrNo(affiliationMay(a, privilege(p))))
		}
		rows = append(rows, append(row, privileges[p].note))
	}
	return markdownTable(rows...)
}

// among lists the affiliations for which something holds.
func among(holds func(Affiliation) bool) string {
	var list []string
	for _, a := range affiliations {
		if holds(a) {
			list = append(list, a.String())
		}
	}
	if len(list) == 0 {
		return "–"
	}
	return strings.Join(list, ", ")
}

func printRoleRules() string {
	rows := [][]string{{"Change", "§"}}
	actors := affiliations[1:]
	for _, actor := range actors {
		rows[0] = append(rows[0], fmt.Sprintf("moderator, %s", actor))
	}
	for _, rule := range roleRules {
		if rule.from == rule.to {
			continue
		}
		row := []string{fmt.Sprintf("%s → %s", rule.from, rule.to), rule.section}
		for _, actor := range actors {
			row = append(row, among(func(target Affiliation) bool {
				a := actorFor(Moderator, actor)
				return target != Outcast && a.mayChangeRole(target, rule.from, rule.to) == nil
			}))
		}
		rows = append(rows, row)
	}
	return markdownTable(rows...)
}

// Every privilege of the table is consulted by a rule.
func TestPrivilegesAreConsulted(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var rules strings.Builder
	for _, name := range files {
		if !strings.HasSuffix(name, "_test.go") {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			rules.Write(text)
		}
	}
	text, err := os.ReadFile("affiliation.go")
	require.NoError(t, err)
	rows := regexp.MustCompile(`(?m)^\t(to\w+): +\{`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, rows, len(privileges))
	for _, row := range rows {
		uses := regexp.MustCompile(`[( ,]` + row[1] + `[,)]`)
		assert.True(t, uses.MatchString(rules.String()), row[1])
	}
}

// printRoutes prints the table of dispatch with the file of each handler.
func printRoutes() string {
	to := [...]string{toEither: "either", toRoom: "room", toOccupant: "occupant"}
	rows := [][]string{{"Stanza", "Type", "To", "Payload", "Handler", "File"}}
	for _, r := range routes {
		f := runtime.FuncForPC(reflect.ValueOf(r.handle).Pointer())
		file, _ := f.FileLine(f.Entry())
		name := f.Name()[strings.LastIndexByte(f.Name(), '.')+1:]
		typ, payload := r.typ, ""
		switch typ {
		case "":
			typ = "none"
		case "*":
			typ = "any"
		}
		if r.space != "" {
			payload = fmt.Sprintf("`%s` in `%s`", r.name, r.space)
		}
		rows = append(rows, []string{kindNames[r.kind], typ, to[r.to], payload, "`" + name + "`", "`" + filepath.Base(file) + "`"})
	}
	return markdownTable(rows...)
}

// printConfigFields prints the table of the room configuration.
func printConfigFields() string {
	rows := [][]string{{"Field", "Type", "Default", "Values", "Label"}}
	for _, f := range roomconfig.Fields {
		var options []string
		for _, o := range f.Options {
			options = append(options, o.Value)
		}
		values := strings.Join(options, ", ")
		if f.Open {
			values += ", …"
		}
		if f.Hi > f.Lo {
			values = fmt.Sprintf("%d to %d", f.Lo, f.Hi)
		}
		names := "`" + f.Name + "`"
		for _, alias := range f.Aliases {
			names += ", `" + alias + "`"
		}
		rows = append(rows, []string{names, f.Type, strings.Join(f.Get(&RoomConfig{}), ", "), values, f.Label})
	}
	return markdownTable(rows...)
}
