package main

import (
	"context"
	"crypto/x509"
	"errors"
	"io/fs"

	"github.com/lbdev/lbdev/cluster/localca"
)

// checkTrust looks at the CA behind  lbdev up --tls .
func checkTrust(*examination, context.Context) []finding {
	one := func(status verdict, text, hint string) []finding { return []finding{{"https", status, text, hint}} }
	dir, err := caDir()
	if err != nil {
		return one(notable, err.Error(), "set XDG_DATA_HOME, or bring a certificate:  lbdev up --tls-cert FILE …")
	}
	ca, err := localca.Find(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return one(fine, "lbdev up --tls  makes a CA when it is first used", "")
	case err != nil:
		return one(problem, err.Error(), "lbdev up --tls  needs it; remove that folder to begin anew")
	}
	until := ca.Certificate().NotAfter.Format("2006-01-02")
	if _, err := ca.Certificate().Verify(x509.VerifyOptions{}); err != nil {
		return one(notable, "lbdev's CA (until "+until+") is not in the system's trust store", "browsers warn until  lbdev trust")
	}
	return one(fine, "lbdev's CA (until "+until+") is in the system's trust store", "")
}
