/**
 * What every query has to answer on two data sets: number of rows, and MD5 of the rows, sorted bytewise,
 * each with a newline. Computed from the defining SQL by SQLite and, for the larger, by PostgreSQL. For
 * q12, whose windows depend on the clock, it is the number of bids per bidder.
 */
import type { Dataset } from '../../../benchmarks/nexmark/dataset.js'

export interface Answer {
  readonly rows: number
  readonly md5: string
}

export interface Answers {
  readonly dataset: Dataset
  readonly of: Readonly<Record<string, Answer>>
}

/** 40 seconds of event time; seed and rate differ from those of the golden answers. */
export const SMALL: Answers = {
  dataset: { events: 20_000, rate: 500, seed: 7, profile: 'M', outOfOrder: 1 },
  of: {
    q0: { rows: 18400, md5: 'aa8e935127e8b25133215415dc521e6e' },
    q1: { rows: 18400, md5: 'c46ac145d0df290743d3fbcea4fa42e2' },
    q2: { rows: 75, md5: '08a2d11e3ea10b238a35883f280ec3bc' },
    q3: { rows: 219, md5: '5ae102655d39ef51ef32a11de60af887' },
    q4: { rows: 5, md5: '9ab861c096a51c050aabe9220709582e' },
    q5: { rows: 24, md5: '30a787838d75e9e4132e270a8b848eca' },
    q6: { rows: 1108, md5: '3b2a69140941cc662f636698afb1d040' },
    q7: { rows: 4, md5: 'feed2c0cb9c20d55a980737aaf0b238f' },
    q8: { rows: 91, md5: '6064cba3e7c74ab12e386d8c275db231' },
    q9: { rows: 1108, md5: '76f76a0c68e02a969bf10fb7f5ae5b61' },
    q11: { rows: 407, md5: '11251e75f8e9a1a67a10a103377419ba' },
    q12: { rows: 381, md5: 'a161d46312da03fd6acafa6c166bc8e1' },
    q13: { rows: 18400, md5: '85d6977cd78cb7216ec8cdde24205a00' },
    q14: { rows: 5198, md5: 'caa1f0e1882717ef3d47baef1c5dd180' },
    q15: { rows: 1, md5: '495da38df0237d3331e0de63a493abf0' },
    q16: { rows: 6013, md5: 'd49d55df46429236010bb937f842f642' },
    q17: { rows: 1195, md5: '06f37a6336bf5f5f8ac6d4c535a95a98' },
    q18: { rows: 5043, md5: 'add3e2d47c33acd024c351dd5c631f85' },
    q19: { rows: 8646, md5: '480a152a52821065a5a9c9865839361f' },
    q20: { rows: 3407, md5: '83f4a00569b0c86e3edb4979a0740884' },
    q21: { rows: 17493, md5: '28318478f279a9c434a7dbebf14ef7ef' },
    q22: { rows: 18400, md5: '56e72b16b74cc6fecafdf0bb8f955765' },
    q23: { rows: 27782, md5: '3f0926c25a420151246e53e61fe3b979' },
  },
}

/** The golden answers of the specification: 100 seconds. */
export const GOLDEN: Answers = {
  dataset: { events: 100_000, rate: 1_000, seed: 0, profile: 'M', outOfOrder: 1 },
  of: {
    q0: { rows: 92000, md5: '76425a2723f8e767fcd58eb10dea2ae0' },
    q1: { rows: 92000, md5: '92de5bee6b52ff5d56e482f4d3360a92' },
    q2: { rows: 373, md5: 'c14b6118c761f0fa7b6687b5ecf303fc' },
    q3: { rows: 731, md5: '3a076c3ce0bd47627b3d7251cdc674af' },
    q4: { rows: 5, md5: 'f26ce46dd795b49419eff11d6b18a47b' },
    q5: { rows: 54, md5: 'a229694534baac0a82c74ee920eb4f71' },
    q6: { rows: 5547, md5: '98dd3c47f53058f1c59ba0762e38c138' },
    q7: { rows: 10, md5: 'd39226606964a3aa53917a9313584bb3' },
    q8: { rows: 299, md5: '8b2397c72e936043cc7fa2b980c839c7' },
    q9: { rows: 5547, md5: 'b9734fd673e2e29b1ecaf26a03450761' },
    q11: { rows: 2923, md5: 'f1ab62df60653e2ee7a34927787afb99' },
    q12: { rows: 1934, md5: 'e045ab8d6ed7e60c0cf8b9d3893b2193' },
    q13: { rows: 92000, md5: '812d23b2f00868fcec9b8e6c4eb2e9b0' },
    q14: { rows: 26111, md5: 'a931fbfd89da7314553ca8b82c5879ba' },
    q15: { rows: 1, md5: '14e5b725f3294fcb8f1d16ddf9ad5ab2' },
    q16: { rows: 9891, md5: '785eb9def6b404b51d4dc87061b854d2' },
    q17: { rows: 5994, md5: '313297c0edf8dee550b8e4f43f30c923' },
    q18: { rows: 28283, md5: 'fdde65cc689a7ce3ff58a581f32ff612' },
    q19: { rows: 43972, md5: '1071ca5ecc9401c66c29095c34e6fcde' },
    q20: { rows: 19670, md5: '07ef098d87f96ca7ab67ee9e12e55be2' },
    q21: { rows: 87561, md5: '48fcadf402c6e4a3f8218137f8342fd5' },
    q22: { rows: 92000, md5: '42c18e8427aac73101509ec3268784a6' },
    q23: { rows: 150942, md5: '91fb5008e11ffe9cfb3bf5f0983f7855' },
  },
}
