// The order service's own user, made on the first start: it reads and writes its own database, and nothing else.
// Environment: SECRETS (folder with <user>-password), USERS (names with blanks between them).
for (const name of process.env.USERS.split(' ')) {
  const password = fs.readFileSync(`${process.env.SECRETS}/${name}-password`, 'utf8').trim();
  if (!password) {
    throw new Error(`the secret ${name}-password is empty`);
  }
  db.getSiblingDB(name).createUser({ user: name, pwd: password, roles: [{ role: 'readWrite', db: name }] });
}
