module fairlead.example/bench/goproxy

go 1.25.0

require github.com/goproxy/goproxy v0.26.1

require (
	github.com/aofei/backoff v1.2.0 // indirect
	golang.org/x/mod v0.34.0 // indirect
)
