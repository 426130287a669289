//! What servers try with clients that go where they are sent. All rows are shown in the tests of the client that guards against them.
