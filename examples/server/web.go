package main

import (
	"context"
	"net/http"
)

func (s *server) page(context.Context, *settings, *http.ServeMux) error { return nil }
