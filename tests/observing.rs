//! What a program sees of its connections, and what it can ask of them: counters of connections and paths, new keys.
#![allow(clippy::unwrap_used)] // a test may

use posthaste::{Bytes, Client, Error, Identity, Roots, Server};

const BODY: usize = 300_000;

/// Both ends tell of one path that is in use and validated, and of all that went over it.
#[test]
fn each_end_tells_of_its_paths_and_a_client_goes_on_with_new_keys() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let server = Server::builder(identity)
            .listen("127.0.0.1:0".parse().unwrap())
            .start(&handle, |_request, reply| reply.send(200, Bytes::from(vec![7; BODY])))?;
        let client = Client::builder(roots).build(&handle);
        assert!(client.paths().is_empty() && client.update_keys() == 0, "there is no connection");
        let url = format!("https://{}/", server.addresses()[0]);
        let get = || async {
            let mut response = client.get(&url).send().await?;
            response.body().read_to_end(BODY).await.map(|body| body.len())
        };
        assert_eq!(get().await?, BODY);
        assert_eq!(client.update_keys(), 1);
        assert_eq!((get().await?, get().await?), (BODY, BODY));
        // The server has followed: its packets come under new keys.
        let [(_, stats)] = client.connections()[..] else { panic!("one connection") };
        assert_eq!(stats.key_updates, 1);
        for (of, paths) in [("client", client.paths()), ("server", server.paths())] {
            let [path] = &paths[0][..] else { panic!("{of}: {paths:?}") };
            assert!(path.is_active && path.is_validated && path.mtu >= 1200, "{of}: {path:?}");
            assert!(path.packets_sent > 0 && path.packets_received > 0, "{of}");
            assert!(!path.smoothed_rtt.is_zero() && path.min_rtt <= path.smoothed_rtt * 2, "{of}: {path:?}");
            let (sent, received) = (path.bytes_sent, path.bytes_received);
            assert!(if of == "server" { sent } else { received } >= 3 * BODY as u64, "{of}: {path:?}");
        }
        let (at_client, at_server) = (client.paths()[0][0], server.paths()[0][0]);
        assert_eq!((at_client.remote, at_client.local), (at_server.local, at_server.remote));
        // After a move the counters of both paths are those of the connection together.
        assert_eq!(client.migrate().await?, 1);
        assert_eq!(get().await?, BODY);
        let ([(_, whole)], paths) = (&client.connections()[..], &client.paths()[0]) else { panic!("one connection") };
        assert_eq!((paths.len(), whole.migrations), (2, 1), "{paths:?}");
        assert!(paths[0].is_active && !paths[1].is_active && paths[0].local != paths[1].local);
        assert_eq!(paths.iter().map(|path| path.bytes_received).sum::<u64>(), whole.bytes_received);
        assert!(paths[0].bytes_received >= BODY as u64 && paths[1].bytes_received >= 3 * BODY as u64, "{paths:?}");
        Ok(())
    })?
}
