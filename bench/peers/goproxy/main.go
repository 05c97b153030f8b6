// Command goproxy serves github.com/goproxy/goproxy with a folder as its cache, in front of one upstream: the peer that the
// benchmark of Fairlead's mirror compares with.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"runtime/debug"

	"github.com/goproxy/goproxy"
)

func main() {
	listen := flag.String("listen", "", "address to listen on")
	upstream := flag.String("upstream", "", "upstream list, as GOPROXY")
	cache := flag.String("cache", "", "folder of the cache")
	version := flag.Bool("version", false, "print the version of the module and end")
	flag.Parse()
	if *version {
		fmt.Println(moduleVersion())
		return
	}
	handler := &goproxy.Goproxy{
		Fetcher: &goproxy.GoFetcher{
			Env:     append(os.Environ(), "GOPROXY="+*upstream, "GOSUMDB=off"),
			TempDir: os.TempDir(),
		},
		Cacher: goproxy.DirCacher(*cache),
	}
	log.Fatal(http.ListenAndServe(*listen, handler))
}

func moduleVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, module := range info.Deps {
		if module.Path == "github.com/goproxy/goproxy" {
			return module.Version
		}
	}
	return "unknown"
}
