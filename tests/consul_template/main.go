// Renders a template of consul-template: the instances that Consul or Nomad would list come from stdin, as JSON. Go's
// text/template is what consul-template uses; its functions are played here, as far as deploy/file/ calls them, with the
// arguments of its documentation (hashicorp/consul-template, docs/templating-language.md).
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"regexp"
	"strconv"
	"text/template"
)

// What both have of an instance. Nomad's has no Status.
type nomadService struct {
	ID, Name, Node, Address string
	Port                    int
	Tags                    []string
}

type healthService struct {
	nomadService
	Status string
}

// lister makes the function that lists the instances of one query.
func lister[T any](query string, instances []T) func(string) ([]T, error) {
	return func(asked string) ([]T, error) {
		if asked != query {
			return nil, fmt.Errorf("no instances are played for %q", asked)
		}
		return instances, nil
	}
}

func toJSON(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("which template?")
	}
	var consul []healthService
	if err := json.NewDecoder(os.Stdin).Decode(&consul); err != nil {
		log.Fatal(err)
	}
	var nomad []nomadService
	for _, instance := range consul {
		nomad = append(nomad, instance.nomadService)
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	functions := template.FuncMap{
		"service":      lister("web|any", consul),
		"nomadService": lister("web", nomad),
		"toJSON":       toJSON,
		"regexMatch":   func(re, text string) (bool, error) { return regexp.MatchString(re, text) },
		"regexReplaceAll": func(re, with, text string) (string, error) {
			compiled, err := regexp.Compile(re)
			if err != nil {
				return "", err
			}
			return compiled.ReplaceAllString(text, with), nil
		},
		"parseInt": func(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) },
		"add":      func(b int, a int64) int64 { return a + int64(b) },
	}
	parsed, err := template.New("").Funcs(functions).Parse(string(text))
	if err != nil {
		log.Fatal(err)
	}
	if err := parsed.Execute(os.Stdout, nil); err != nil {
		log.Fatal(err)
	}
}
