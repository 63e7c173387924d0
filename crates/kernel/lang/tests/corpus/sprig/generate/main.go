// Command generate writes what Masterminds/sprig makes of each template in ../cases.txt to ../expected.json.
//
// Run in this folder: go run .
//
// Tests compare against expected.json, so they need no Go. A line in brackets names a function, the lines behind it are
// templates. A section with several names stands for that many sections, each with its name in place of the first one.
// In ../data.json, {"$uint": 1}, {"$number": "1.50"} and {"$hex": "ff"} stand for values JSON does not have.
package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"text/template"
	"unicode/utf8"

	"github.com/Masterminds/sprig/v3"
)

type outcome struct {
	Function string  `json:"function"`
	Template string  `json:"template"`
	Output   *string `json:"output,omitempty"`
	Hex      *string `json:"hex,omitempty"`
	Error    bool    `json:"error,omitempty"`
}

func functions() template.FuncMap {
	prefixed := template.FuncMap{}
	for name, function := range sprig.HermeticTxtFuncMap() {
		prefixed["sprig_"+name] = function
	}
	return prefixed
}

// data is read anew for each template: some functions change it.
func data() any {
	text, err := os.ReadFile("../data.json")
	must(err)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var read any
	must(decoder.Decode(&read))
	return value(read)
}

func value(raw any) any {
	switch raw := raw.(type) {
	case json.Number:
		if n, err := raw.Int64(); err == nil {
			return int(n)
		}
		f, err := raw.Float64()
		must(err)
		return f
	case []any:
		for i := range raw {
			raw[i] = value(raw[i])
		}
	case map[string]any:
		if special, ok := special(raw); ok {
			return special
		}
		for key := range raw {
			raw[key] = value(raw[key])
		}
	}
	return raw
}

func special(raw map[string]any) (any, bool) {
	if n, ok := raw["$uint"].(json.Number); ok {
		unsigned, err := n.Int64()
		must(err)
		return uint64(unsigned), true
	}
	if digits, ok := raw["$number"].(string); ok {
		return json.Number(digits), true
	}
	if digits, ok := raw["$hex"].(string); ok {
		decoded, err := hex.DecodeString(digits)
		must(err)
		return string(decoded), true
	}
	return nil, false
}

func run(function, text string) outcome {
	result := outcome{Function: function, Template: text}
	var out strings.Builder
	parsed, err := template.New("t").Funcs(functions()).Parse(text)
	if err == nil {
		err = parsed.Execute(&out, data())
	}
	output := out.String()
	switch {
	case err != nil:
		result.Error = true
	case !utf8.ValidString(output):
		encoded := hex.EncodeToString([]byte(output))
		result.Hex = &encoded
	default:
		result.Output = &output
	}
	return result
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	must(os.Setenv("TZ", "UTC"))
	text, err := os.ReadFile("../cases.txt")
	must(err)
	var outcomes []outcome
	var names []string
	for _, line := range strings.Split(string(text), "\n") {
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "[") {
			names = strings.Fields(strings.Trim(line, "[]"))
			continue
		}
		for _, name := range names {
			renamed := strings.ReplaceAll(line, "sprig_"+names[0]+" ", "sprig_"+name+" ")
			outcomes = append(outcomes, run(name, renamed))
		}
	}
	var written strings.Builder
	for i, outcome := range outcomes {
		line, err := json.Marshal(outcome)
		must(err)
		written.WriteString(map[bool]string{true: "[\n ", false: ",\n "}[i == 0])
		written.Write(line)
	}
	written.WriteString("\n]\n")
	must(os.WriteFile("../expected.json", []byte(written.String()), 0o644))
}
