/**
 * Names that people give to clusters, nodes and jobs, where they may end up in paths, URLs and logs:
 * 1 to 63 of `a-z 0-9 . _ -`, beginning with a letter or digit, no two dots in a row.
 */
const NAME = /^[a-z0-9](?:[a-z0-9_-]|\.(?!\.)){0,62}$/

export const isName = (text: string): boolean => NAME.test(text)
