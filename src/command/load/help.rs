//! What `posthaste load --help` prints.

/// The text.
pub const HELP: &str = "\
posthaste load URL: requests URL repeatedly, and reports throughput and latency

How much
  -n, --requests N      requests in all (default: 10000)
  -z, --duration TIME   instead: begin requests for so long (10s, 1.5m, 200ms)
  -q, --rate N          begin N requests in a second, whether those before are answered or not; each is measured from the moment
                        at which it was to begin, so that what a server keeps waiting is seen (without it: as fast as answers come)
  --warm-up TIME        requests for so long before any is counted
  -c, --concurrency C   requests in progress at a time, over all connections (default: 32; with --rate the most that there may be)
  --connections K       connections (default: 1)
  -m, --streams M       instead of -c: requests in progress at a time on each connection
  -t, --timeout SECONDS the longest that nothing may come of an answer; when no answer was complete for so long and another
                        request fails, the rest is given up (default: 30)

What is asked
  -X, --method METHOD   use this method (default: GET, or POST with -d)
  -H, --header 'name: value'   send this field; may be given more than once
  -d, --data DATA       send DATA as the body; @FILE sends what is in FILE
  --replay FILE         send the requests in FILE in turn, again and again: a line for each, with method, path, fields and body,
                        separated by tabs, as in: POST<tab>/a?b<tab>x-y: z<tab>x-z: w<tab>@body text
                        A part that begins with @ is the body, and is the last; other parts are fields. Empty lines and lines
                        that begin with # say nothing. A path alone is a GET

What is told
  -j, --json            the report as JSON, for programs
  -s, --silent          nothing while it runs
  --qlog DIR            a file of qlog for each connection in DIR, at most 1 GiB in all; it costs some speed

The connection
  --migrate N           move a connection to another port after every N requests of a worker (default: never)
  --congestion-control NAME    how fast is sent: cubic, bbr or new-reno (default: cubic). bbr keeps its rate where packets are
                        lost by chance, as over radio
  --qpack-table BYTES   keep a table of fields that come again, of at most so many bytes in each direction of a connection:
                        smaller requests and responses for some memory (default: 0, none)
  --ca PEM              trust the certificates in this file instead of the system's
  --crl FILE            a revocation list, or several, in PEM or DER; may be given more than once. With one, a server is refused
                        unless a current list of each authority that vouches for it says that it is not revoked
  -k, --insecure        take any certificate: for tests only

The status is 0 only if every answer was complete and 2xx. The first SIGINT ends the run and prints the report of what there was.
";
