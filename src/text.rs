//! Text for posts: splitting at the server's limit, and making foreign text harmless.
