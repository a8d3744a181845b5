// Package dashboard serves the page on which people watch a cluster and break it: files, one stream of what happens, and the
// control API for its buttons.
//
//	d := &dashboard.Server{Cluster: c, API: api, Files: templates.Dashboard(), Token: token}
//	d.Open(listener)
//	defer d.Close(ctx)
//	fmt.Println(d.URL()) // with the token
//
// # Who may come in
//
// Other users, and every web page that the user's browser shows, can reach the address. So each request must
//
//   - ask for a name that leads to this machine and that nobody else can own: a loopback one, or where the address is open to others,
//     also an IP address or the machine's own name (a DNS name of an attacker's may lead here too: DNS rebinding);
//   - come from the page itself or from no page at all, as Sec-Fetch-Site and Origin tell; the user's app counts as a
//     stranger, although it is on the same site for cookies, which don't know ports;
//   - bring the token: once in the URL that is printed, which sets a cookie, or as "Authorization: Bearer TOKEN".
//
// The cookie is for the path /dashboard/ alone, so browsers don't send it to the user's app, which mostly is on the same host. The
// token for readers lets nobody change anything. Nothing is answered, not even a 404, to those who don't have one.
package dashboard
