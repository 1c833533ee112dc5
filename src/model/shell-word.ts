// A word of a command line that is shown to be copied into a shell.

/** As it is where no shell would change it, else in single quotes. */
export function shellWord(word: string): string {
  return /^[\w./@:-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
