// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/attempt_id.h"

#include <algorithm>

#include "common/crypto/crypto.h"

namespace crashdump {

DumpId MakeAttemptId(const AttemptIdParts& parts) {
  const le32 attempt = parts.attempt;
  const le64 crash_time = parts.crash_time;
  HashStream stream;
  // The lengths keep bytes of one part from passing as bytes of its neighbour.
  for (const Bytes part :
       {parts.seed, BytesOf(attempt), BytesOf(crash_time), parts.elf_notes, parts.log_buffer, parts.random}) {
    stream.Update(BytesOf(le64(part.size())));
    stream.Update(part);
  }
  const Hash hash = stream.Current();
  DumpId id{};
  std::copy_n(hash.begin(), id.size(), id.begin());
  return id;
}

}  // namespace crashdump
