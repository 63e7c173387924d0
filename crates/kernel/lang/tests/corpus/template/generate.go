// Generate writes what Go's text/template makes of each template in cases.json to expected.json:
//
//	go run generate.go
//
// Tests compare against expected.json, so they need no Go. A case has a template and, optionally, data and an option.
// In data, {"$uint": 1}, {"$number": "1.50"}, {"$hex": "ff"} and {"$func": "concat"} stand for values JSON does not have.
package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/template"
	"unicode/utf8"
)

type testCase struct {
	Name       string          `json:"name"`
	Template   string          `json:"template"`
	Data       json.RawMessage `json:"data"`
	MissingKey string          `json:"missing_key"`
}

type expectation struct {
	Output *string `json:"output,omitempty"`
	Hex    *string `json:"hex,omitempty"`
	Error  *string `json:"error,omitempty"`
}

var functions = template.FuncMap{
	"upper":    strings.ToUpper,
	"add":      func(a, b int) int { return a + b },
	"half":     func(f float64) float64 { return f / 2 },
	"flip":     func(b bool) bool { return !b },
	"unsigned": func(u uint64) uint64 { return u },
	"same":     func(v any) any { return v },
	"nothing":  func() any { return nil },
	"count":    func(list []any) int { return len(list) },
	"fields":   func(m map[string]any) int { return len(m) },
	"fail":     func(text string) (string, error) { return "", errors.New(text) },
	"join": func(separator string, parts ...string) string {
		return strings.Join(parts, separator)
	},
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
	if len(raw) != 1 {
		return nil, false
	}
	for key, inner := range raw {
		switch key {
		case "$uint":
			n, err := inner.(json.Number).Int64()
			must(err)
			return uint64(n), true
		case "$number":
			return json.Number(inner.(string)), true
		case "$hex":
			decoded, err := hex.DecodeString(inner.(string))
			must(err)
			return string(decoded), true
		case "$func":
			return func(arguments ...any) (any, error) { return fmt.Sprint(arguments...), nil }, true
		}
	}
	return nil, false
}

func run(c testCase) (string, error) {
	t := template.New("t").Funcs(functions)
	if c.MissingKey != "" {
		t = t.Option("missingkey=" + c.MissingKey)
	}
	t, err := t.Parse(c.Template)
	if err != nil {
		return "", err
	}
	var data any
	if len(c.Data) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(c.Data))
		decoder.UseNumber()
		must(decoder.Decode(&data))
	}
	var out strings.Builder
	err = t.Execute(&out, value(data))
	return out.String(), err
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	text, err := os.ReadFile("cases.json")
	must(err)
	var cases []testCase
	must(json.Unmarshal(text, &cases))
	expected := map[string]expectation{}
	for _, c := range cases {
		output, err := run(c)
		switch {
		case err != nil:
			message := err.Error()
			expected[c.Name] = expectation{Error: &message}
		case !utf8.ValidString(output):
			encoded := hex.EncodeToString([]byte(output))
			expected[c.Name] = expectation{Hex: &encoded}
		default:
			expected[c.Name] = expectation{Output: &output}
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	must(encoder.Encode(expected))
	must(os.WriteFile("expected.json", out.Bytes(), 0o644))
}
