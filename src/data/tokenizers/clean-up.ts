/**
 * Removes the spaces before punctuation and in English short forms that splitting into words leaves: "it 's" -> "it's".
 *
 * @param library whose list it is: the Rust library `tokenizers` also shortens "do not"; `clean_up_tokenization` of transformers
 *   does not
 */
export function cleanUp(text: string, library: 'tokenizers' | 'transformers'): string {
  const shortened = text
    .replaceAll(' .', '.')
    .replaceAll(' ?', '?')
    .replaceAll(' !', '!')
    .replaceAll(' ,', ',')
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m");
  return (library === 'tokenizers' ? shortened.replaceAll(' do not', " don't") : shortened)
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}
