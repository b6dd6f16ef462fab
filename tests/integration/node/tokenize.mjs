// What Hugging Face's own tokenizer for JavaScript, which @huggingface/transformers uses, makes of texts:
// `node tokenize.mjs TOKENIZER_JSON CASES`. CASES has on each line a JSON object with a `text` to encode or with `ids`
// to decode; the answer to each is a line with {bare, whole}, the ids without and with special tokens, or {text}.
import {readFileSync} from 'node:fs';
import {Tokenizer} from '@huggingface/tokenizers';

const [tokenizerFile, casesFile] = process.argv.slice(2);
const tokenizer = new Tokenizer(JSON.parse(readFileSync(tokenizerFile, 'utf8')), {clean_up_tokenization_spaces: false});
// Without the characters at which a reader might end a line.
const ascii = (value) => JSON.stringify(value).replace(
  /[^\x20-\x7e]/g, (unit) => '\\u' + unit.charCodeAt(0).toString(16).padStart(4, '0'));
const answers = [];
for (const line of readFileSync(casesFile, 'utf8').split('\n')) {
  if (line === '') continue;
  const {text, ids} = JSON.parse(line);
  answers.push(ascii(text === undefined ? {text: tokenizer.decode(ids)} : {
    bare: tokenizer.encode(text, {add_special_tokens: false}).ids,
    whole: tokenizer.encode(text, {add_special_tokens: true}).ids,
  }));
}
process.stdout.write(answers.join('\n') + '\n');
