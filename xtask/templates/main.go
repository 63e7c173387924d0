// Command templates says how long Go's text/template takes to parse and to render each template of a folder.
//
//	go run . FOLDER MILLISECONDS
//
// The folder holds NAME.tmpl and NAME.json, the data. Prints a line for each: the name, nanoseconds for parsing and for
// rendering once, and a checksum of what was rendered. The program of ours that it is compared with takes and prints the
// same. Parsing is text/template/parse with a map of names, so that looking at the functions does not count.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/Masterminds/sprig/v3"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// nanoseconds is what one call takes on average, over at least this time.
func nanoseconds(least time.Duration, call func()) float64 {
	call()
	count, start := 0, time.Now()
	for {
		for range 16 {
			call()
		}
		count += 16
		if taken := time.Since(start); taken >= least {
			return float64(taken.Nanoseconds()) / float64(count)
		}
	}
}

func sum(data []byte) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write(data)
	return hash.Sum64()
}

func main() {
	folder := os.Args[1]
	milliseconds, err := strconv.Atoi(os.Args[2])
	must(err)
	least := time.Duration(milliseconds) * time.Millisecond
	functions := template.FuncMap{}
	for name, function := range sprig.HermeticTxtFuncMap() {
		functions["sprig_"+name] = function
	}
	// parse asks for the names of the built-in functions too.
	builtins := map[string]any{}
	for _, name := range strings.Fields("and call eq ge gt html index js le len lt ne not or print printf println slice urlquery") {
		builtins[name] = true
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.tmpl"))
	must(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(err)
		raw, err := os.ReadFile(strings.TrimSuffix(file, ".tmpl") + ".json")
		must(err)
		var data any
		must(json.Unmarshal(raw, &data))
		parsing := nanoseconds(least, func() {
			_, err := parse.Parse("t", string(text), "{{", "}}", functions, builtins)
			must(err)
		})
		parsed := template.Must(template.New("t").Funcs(functions).Parse(string(text)))
		var out bytes.Buffer
		rendering := nanoseconds(least, func() {
			out = bytes.Buffer{}
			must(parsed.Execute(&out, data))
		})
		name := strings.TrimSuffix(filepath.Base(file), ".tmpl")
		fmt.Printf("%s %.0f %.0f %016x\n", name, parsing, rendering, sum(out.Bytes()))
	}
}
