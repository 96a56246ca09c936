@rem npm start says "exec", so that a signal for npm reaches the server and not a shell between them. cmd has none.
@%*
