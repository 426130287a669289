//! What `posthaste get --help` prints.

/// The text.
pub const HELP: &str = "\
posthaste get URL...: fetches over HTTP/3, or by TCP where that does not lead. Options are those of curl where both have them; several short ones may be one word (-sSL)

Where bodies go
  -o, --output FILE     to FILE (- is standard output); the first -o or -O is for the first URL, and so on
  -O, --remote-name     to a file named after the URL; --remote-name-all for all URLs
  --output-dir DIR      the folder of these files; --create-dirs makes the folders that are missing
  --out DIR             each body to DIR, which is made, named after its URL; several at a time
  -C, --continue-at -   go on where an earlier transfer was broken off: what was there by then is kept as FILE.part, and used if
                        the server still has the same version of it; or where FILE ends. -C N goes on behind N bytes
  -Z, --parallel        several transfers at a time; --parallel-max N (default: 50, at most 300)
  -i, --include         print status and fields before each body;  -D, --dump-header FILE writes them to FILE (- is standard output)
  -I, --head            ask for the head only, and print it

The request
  -X, --method METHOD   use this method (default: GET; POST with -d; PUT with -T); --request is the same
  -H, --header 'name: value'   send this field; may be given more than once. 'name:' keeps one from being sent by itself
  -d, --data DATA       send DATA as a form has it; several are joined by &. @FILE is what is in a file without its line ends, @-
                        (or -) is standard input; it is sent as it is read
  --data-binary DATA    the same, with all bytes as they are;  --data-raw TEXT: @ means nothing
  --data-urlencode T    the same, percent-encoded: 'text', '=text' or 'name=text';  --json DATA: as JSON, and wants JSON
  -G, --get             put the data into the URL's query
  -T, --upload-file FILE   put FILE (- is standard input) at the URL; named after FILE if the URL ends with a slash
  -r, --range RANGE     ask for a part: 0-99, 100- or -100 (the last 100)
  -A, --user-agent TEXT;  -e, --referer URL;  -u, --user NAME:PASSWORD (as Basic authorization)

Redirects and repetitions
  -L, --location        follow redirects, at most 50 in a row; --max-redirs N. To https only; POST becomes GET after 301, 302 and
                        303; another host or port is not told authorization and cookie
  --retry N             make a request again, N times at most, when the server was not reached or not in time, or answers 408, 429,
                        500, 502, 503 or 504: if its method says that twice is as good as once, its body can be had again, and nothing
                        was written to standard output
  --retry-delay S       wait so long each time (default: 1 s, each time twice as much, at most 10 min, or as Retry-After says);
                        --retry-max-time S: no more after that;  --retry-all-errors: whatever went wrong, and whatever the method

What is told
  -v, --verbose         what is asked and answered, on standard error
  -s, --silent          no progress and no errors;  -S, --show-error: errors all the same
  -#, --progress-bar    progress as a bar, for every transfer;  --no-progress-meter: none
  -f, --fail            write no body of an answer of 400 or more;  --any-status: take any complete answer for a success
  -w, --write-out FORMAT   print FORMAT after each transfer. %{http_code}, %{http_version}, %{url}, %{url_effective}, %{method},
                        %{size_download}, %{size_upload}, %{speed_download}, %{speed_upload}, %{time_namelookup}, %{time_connect},
                        %{time_appconnect}, %{time_pretransfer}, %{time_starttransfer}, %{time_total}, %{num_redirects},
                        %{num_retries}, %{remote_ip}, %{remote_port}, %{content_type}, %{filename_effective}, %{exitcode},
                        %{errormsg}, %header{NAME}, %{json}, %{stdout}, %{stderr}; \\n, \\t, %%. @FILE reads FORMAT
  --json-report FILE    a line of JSON for each transfer (- is standard output): sizes, the time of each phase, protocol, repetitions
  --fail-early          the first failure ends all
  --trace               a line for each packet, stream and message, and for what follows from them, on standard error
  --qlog DIR            a file of qlog for each connection in DIR, at most 1 GiB in all
  --key-log FILE        append the TLS secrets to FILE, for Wireshark; they decrypt all traffic

Whom to believe
  --ca PEM, --cacert    trust the certificates in this file instead of the system's
  --crl FILE            a revocation list, or several, in PEM or DER; may be given more than once. With one, a server is refused
                        unless a current list of each authority that vouches for it says that it is not revoked
  -k, --insecure        take any certificate: for tests only
  --pin sha256:HEX      take the certificate with this SHA-256, which serve prints, whatever its name and whoever issued it; may be
                        given more than once
  -E, --cert PEM        show this certificate chain, leaf first, to a server that asks for one; needs --key PEM

The connection
  --connect-timeout SECONDS     the longest to look up a server's name, and then to connect (default: 10)
  --first-byte-timeout SECONDS  the longest to wait for a response when its request was sent (default: 60)
  --idle-timeout SECONDS        the longest that a server may neither send nor take anything of a body (default: 60); the
                        time that a pipe at standard input or output takes does not count
  -m, --max-time SECONDS        the longest that everything may take (default: 0). For each of these 0 is no limit
  --resolve HOST:PORT:ADDRESS[,ADDRESS]   where HOST is, whatever the system says; * is any host
  -x, --proxy URL       go through the proxy at this https URL, over HTTP/3: by connect-udp for QUIC, and where it refuses that, or QUIC
                        does not lead further, by CONNECT for TCP. It looks names up, and learns which servers are asked and how much
                        goes there; --proxy-cacert PEM: who vouches for the proxy (default: as for servers); --proxy-insecure
  --alt-svc FILE        keep in FILE where servers say that they are also found, and go there
  --ticket-file FILE    keep what servers give to go on from in FILE, for the next run: handshakes without a certificate, by which
                        servers can tell that it is the same client. Each is used once. Who reads FILE can pretend to be this client
  --early-data          with such a ticket, send a request without a body and by a safe method, such as GET, before the server has
                        answered. Who records it can send it again, and it is not known to whom it went
  --quic-version N[,N]  the versions of QUIC to speak, 1 and 2, the better one first; a connection begins with 1, if that is
                        one of them, and goes on with what the server likes better (default: 1,2)
  --congestion-control NAME     how fast is sent: cubic, bbr or new-reno (default: cubic). bbr keeps its rate where packets are
                        lost by chance, as over radio
  --qpack-table BYTES   keep a table of fields that come again, of at most so many bytes in each direction of a connection:
                        smaller requests and responses for some memory (default: 0, none)
  --http3-only          do not go by TCP, with HTTP/2 or HTTP/1.1, where QUIC does not reach the server or is silent for a second;
                        without this -v says which it was, and why
  --key-update          update the keys of a connection when the first response comes, as happens by itself after very much data
  --stats               print what was counted and measured on each path of each connection to standard error at the end

The status is 0 if every response was complete and 2xx, or 304 to a condition that was sent; else that of the first failure, with
curl's numbers: 2 command line, 6 name, 7 not reached, 18 incomplete, 22 another status, 23 not written, 26 not read, 28 too late,
33 the part is not what was asked for, 35 handshake, 47 too many redirects, 55 body not taken, 56 connection lost, 58 own certificate, 60 the server's certificate,
77 --ca, 95 HTTP/3, 97 refused by the proxy; 1 anything else. Unlike curl's, a status of 300 or more is a failure (22) without -f, too.
A file is whole or not there, but for FILE.part of -C -. It replaces a file or a link of its name, but nothing else. SIGINT, SIGTERM,
SIGQUIT or SIGHUP removes what is not complete and closes the connections: status 130, 143, 131 or 129. A second signal ends at once.
Cookies are left out on purpose: nothing that a server says is sent back to it, but for what these options name.
";
