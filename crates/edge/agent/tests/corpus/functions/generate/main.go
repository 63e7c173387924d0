// Command generate writes what consul-template makes of each template in ../cases.txt to ../expected.json, and the
// names of all its functions to ../names.json.
//
// Run in this folder: go run .
//
// Tests compare against these files, so they need no Go. A line in brackets names a function, the lines behind it are
// templates; ⏎ in a line is a line end. The functions are consul-template's own, run by its own template.Execute. Two
// things are doubles: a server that answers with ../answers.json (secrets are fetched from it by consul-template's own
// client), and the function data, which gives ../data.json. In that, {"$uint": 1}, {"$number": "1.50"} and {"$hex": "ff"}
// stand for values JSON does not have, and {"$pairs": [...]} for pairs of a key and a value as Consul has them.
package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"sort"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"
	_ "unsafe"

	"github.com/Masterminds/sprig/v3"
	dep "github.com/hashicorp/consul-template/dependency"
	ct "github.com/hashicorp/consul-template/template"
)

//go:linkname now github.com/hashicorp/consul-template/template.now
var now func() time.Time

type outcome struct {
	Function string  `json:"function"`
	Template string  `json:"template"`
	Output   *string `json:"output,omitempty"`
	Hex      *string `json:"hex,omitempty"`
	Error    *string `json:"error,omitempty"`
}

type answer struct {
	Kind      string          `json:"kind"`
	Path      string          `json:"path"`
	Arguments []string        `json:"arguments"`
	Body      json.RawMessage `json:"body"`
}

func read(path string, into any) {
	text, err := os.ReadFile(path)
	must(err)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	must(decoder.Decode(into))
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
	if list, ok := raw["$pairs"].([]any); ok {
		var pairs []*dep.KeyPair
		for _, pair := range list {
			pair := pair.(map[string]any)
			pairs = append(pairs, &dep.KeyPair{Key: pair["Key"].(string), Value: pair["Value"].(string)})
		}
		return pairs, true
	}
	return nil, false
}

// remember puts what the answers say into the memory that templates are rendered from.
func remember(brain *ct.Brain) {
	var answers []answer
	read("../answers.json", &answers)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/v1/")
		for _, answer := range answers {
			list := r.URL.Query().Get("list") == "true" || r.Method == "LIST"
			if strings.Trim(answer.Path, "/") == strings.Trim(path, "/") && list == (answer.Kind == "list") {
				_, _ = w.Write(answer.Body)
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"errors":[]}`)
	}))
	defer server.Close()
	clients := dep.NewClientSet()
	must(clients.CreateVaultClient(&dep.CreateVaultClientInput{Address: server.URL, Token: "double"}))
	for _, answer := range answers {
		var asked dep.Dependency
		var err error
		switch answer.Kind {
		case "read":
			asked, err = dep.NewVaultReadQuery(answer.Path)
		case "write":
			asked, err = dep.NewVaultWriteQuery(answer.Path, pairs(answer.Arguments))
		case "list":
			asked, err = dep.NewVaultListQuery(answer.Path)
		case "certificate":
			asked, err = dep.NewVaultPKIQuery(answer.Path, "/unused", pairs(answer.Arguments))
			must(err)
			brain.Remember(asked, certificate(answer.Body))
			continue
		case "file":
			asked, err = dep.NewFileQuery(answer.Path)
			must(err)
			var text string
			must(json.Unmarshal(answer.Body, &text))
			brain.Remember(asked, text)
			continue
		}
		must(err)
		data, _, err := asked.Fetch(clients, nil)
		must(err)
		brain.Remember(asked, data)
	}
}

func pairs(arguments []string) map[string]any {
	pairs := map[string]any{}
	for _, argument := range arguments {
		name, value, _ := strings.Cut(argument, "=")
		pairs[name] = value
	}
	return pairs
}

// certificate does by hand what consul-template does after it has looked at the times of a real certificate.
func certificate(body json.RawMessage) dep.PemEncoded {
	var parsed struct {
		Data struct {
			Certificate string   `json:"certificate"`
			PrivateKey  string   `json:"private_key"`
			IssuingCA   string   `json:"issuing_ca"`
			CAChain     []string `json:"ca_chain"`
		} `json:"data"`
	}
	must(json.Unmarshal(body, &parsed))
	data := parsed.Data
	return dep.PemEncoded{Cert: data.Certificate, Key: data.PrivateKey, CA: data.IssuingCA, CAChain: data.CAChain}
}

// place is where an error is, without what it says: that may be about values.
var place = regexp.MustCompile(`(?s)^(execute|parse): template: (:\d+(?::\d+: executing "[^"]*" at <.*?>)?): `)

func run(brain *ct.Brain, function, text string) outcome {
	result := outcome{Function: function, Template: text}
	// Data is read anew for each template: some functions change it.
	functions := template.FuncMap{"data": func() any {
		var raw any
		read("../data.json", &raw)
		return value(raw)
	}}
	parsed, err := ct.NewTemplate(&ct.NewTemplateInput{Contents: text, Destination: "/unused", ExtFuncMap: functions})
	must(err)
	done, err := parsed.Execute(&ct.ExecuteInput{Brain: brain, Env: []string{"CARGO_PKG_NAME=arca-agent"}})
	if err != nil {
		found := place.FindStringSubmatch(err.Error())
		if found == nil {
			panic(fmt.Sprintf("%s: %v", text, err))
		}
		at := found[1] + " " + found[2]
		result.Error = &at
		return result
	}
	output := string(done.Output)
	if utf8.ValidString(output) {
		result.Output = &output
	} else {
		encoded := hex.EncodeToString([]byte(output))
		result.Hex = &encoded
	}
	return result
}

// names asks which of all words that stand in quotes in the source of consul-template are functions.
func names(source string) []string {
	var names []string
	text, err := os.ReadFile(source)
	must(err)
	for _, found := range regexp.MustCompile(`(?m)^\t\t"(\w+)": `).FindAllStringSubmatch(string(text), -1) {
		names = append(names, found[1])
	}
	for name := range sprig.HermeticTxtFuncMap() {
		names = append(names, "sprig_"+name)
	}
	sort.Strings(names)
	for _, name := range names {
		parsed, err := ct.NewTemplate(&ct.NewTemplateInput{Contents: "{{ if false }}{{ " + name + " }}{{ end }}"})
		must(err)
		_, err = parsed.Execute(&ct.ExecuteInput{Brain: ct.NewBrain()})
		if err != nil {
			panic(name + ": " + err.Error())
		}
	}
	return names
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func write(path string, lines []any) {
	var written strings.Builder
	for i, value := range lines {
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		must(encoder.Encode(value))
		written.WriteString(map[bool]string{true: "[\n ", false: ",\n "}[i == 0])
		written.WriteString(strings.TrimSuffix(line.String(), "\n"))
	}
	written.WriteString("\n]\n")
	must(os.WriteFile(path, []byte(written.String()), 0o644))
}

func main() {
	log.SetOutput(io.Discard)
	now = func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC) }
	brain := ct.NewBrain()
	remember(brain)
	text, err := os.ReadFile("../cases.txt")
	must(err)
	var outcomes []any
	var function string
	for _, line := range strings.Split(string(text), "\n") {
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "[") {
			function = strings.Trim(line, "[]")
			continue
		}
		outcomes = append(outcomes, run(brain, function, strings.ReplaceAll(line, "⏎", "\n")))
	}
	write("../expected.json", outcomes)
	if len(os.Args) > 1 {
		var all []any
		for _, name := range names(os.Args[1]) {
			all = append(all, name)
		}
		write("../names.json", all)
	}
}
