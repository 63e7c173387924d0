// Command generate writes what hashicorp/hcl makes of each file in ../cases to ../expected.
//
// Run in this folder: go run .
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl"
	"github.com/hashicorp/hcl/hcl/ast"
	"github.com/hashicorp/hcl/hcl/printer"
	"github.com/hashicorp/hcl/hcl/token"
)

// outcome is one expected file. An error in one column leaves the others as they are.
type outcome struct {
	ParseError string      `json:"parse_error,omitempty"`
	Tree       any         `json:"tree,omitempty"` // not for JSON: its positions are lost and it is flattened
	ValueError string      `json:"value_error,omitempty"`
	Value      any         `json:"value,omitempty"`
	Formatted  string      `json:"formatted,omitempty"`
	TypedError string      `json:"typed_error,omitempty"`
	Typed      *typedShape `json:"typed,omitempty"` // for cases named typed-*
}

type typedShape struct {
	Name    string            `hcl:"name" json:"name"`
	Count   int               `hcl:"count" json:"count"`
	Ratio   float64           `hcl:"ratio" json:"ratio"`
	On      bool              `hcl:"on" json:"on"`
	List    []string          `hcl:"list" json:"list"`
	Numbers []int             `hcl:"numbers" json:"numbers"`
	Table   map[string]string `hcl:"table" json:"table"`
	One     *oneShape         `hcl:"one" json:"one"`
	Many    []manyShape       `hcl:"many" json:"many"`
}

type oneShape struct {
	Path string `hcl:"path" json:"path"`
	Size int    `hcl:"size" json:"size"`
}

type manyShape struct {
	Label string `hcl:",key" json:"label"`
	Path  string `hcl:"path" json:"path"`
	Size  int    `hcl:"size" json:"size"`
}

func main() {
	cases, err := filepath.Glob("../cases/*")
	check(err)
	for _, name := range cases {
		text, err := os.ReadFile(name)
		check(err)
		base := filepath.Base(name)
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetIndent("", " ")
		check(encoder.Encode(run(base, text)))
		check(os.WriteFile("../expected/"+base+".json", out.Bytes(), 0o644))
	}
}

func run(name string, text []byte) (o outcome) {
	var file *ast.File
	o.ParseError = try(func() (err error) { file, err = hcl.ParseBytes(text); return })
	if o.ParseError != "" {
		return
	}
	if strings.HasSuffix(name, ".hcl") {
		o.Tree = items(file.Node.(*ast.ObjectList))
		o.Formatted = formatted(text)
	}
	var value any
	o.ValueError = try(func() error { return hcl.DecodeObject(&value, file) })
	if o.ValueError == "" {
		o.Value = value
	}
	if strings.HasPrefix(name, "typed-") {
		var typed typedShape
		o.TypedError = try(func() error { return hcl.Unmarshal(text, &typed) })
		if o.TypedError == "" {
			o.Typed = &typed
		}
	}
	return
}

// try gives the error or the panic of f as text.
func try(f func() error) (message string) {
	defer func() {
		if r := recover(); r != nil {
			message = fmt.Sprint("panic: ", r)
		}
	}()
	if err := f(); err != nil {
		return err.Error()
	}
	return ""
}

func formatted(text []byte) (out string) {
	try(func() error {
		bytes, err := printer.Format(text)
		out = string(bytes)
		return err
	})
	return
}

func items(list *ast.ObjectList) []any {
	out := []any{}
	for _, item := range list.Items {
		keys := []string{}
		for _, key := range item.Keys {
			keys = append(keys, key.Token.Value().(string))
		}
		out = append(out, map[string]any{
			"keys":     keys,
			"at":       at(item.Keys[0].Pos()),
			"assigned": item.Assign.IsValid(),
			"value":    node(item.Val),
		})
	}
	return out
}

func node(n ast.Node) (out map[string]any) {
	out = map[string]any{"at": at(n.Pos())}
	switch n := n.(type) {
	case *ast.ObjectType:
		out["object"] = items(n.List)
	case *ast.ListType:
		list := []any{}
		for _, element := range n.List {
			list = append(list, node(element))
		}
		out["list"] = list
	case *ast.LiteralType:
		switch n.Token.Type {
		case token.NUMBER:
			out["integer"] = n.Token.Text
		case token.FLOAT:
			out["float"] = n.Token.Text
		case token.BOOL:
			out["bool"] = n.Token.Text == "true"
		default:
			out["string"] = n.Token.Value()
		}
	}
	return
}

func at(pos token.Pos) string {
	return fmt.Sprintf("%d:%d", pos.Line, pos.Column)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
