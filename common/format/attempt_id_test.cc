// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/attempt_id.h"

#include <gtest/gtest.h>

#include <set>

#include "common/crypto/crypto.h"

namespace crashdump {
namespace {

Bytes Text(std::string_view text) { return BytesOf(text); }

// Every part changes the id, and bytes that move from one part to the next do too.
TEST(AttemptId, DependsOnEveryPart) {
  ASSERT_TRUE(InitializeCrypto().ok());
  AttemptIdParts base;
  base.seed = Text("seed");
  base.attempt = 1;
  base.crash_time = 1'700'000'000;
  base.elf_notes = Text("notes");
  base.log_buffer = Text("log");
  base.random = Text("random");
  std::vector<AttemptIdParts> all(8, base);
  all[1].seed = Text("Seed");
  all[2].attempt = 2;
  all[3].crash_time += 1;
  all[4].elf_notes = Text("Notes");
  all[5].log_buffer = Text("Log");
  all[6].random = Text("Random");
  all[7].elf_notes = Text("notesl");
  all[7].log_buffer = Text("og");
  std::set<DumpId> ids;
  for (const AttemptIdParts& parts : all) ids.insert(MakeAttemptId(parts));
  EXPECT_EQ(ids.size(), all.size());
  EXPECT_EQ(MakeAttemptId(base), MakeAttemptId(base));
}

}  // namespace
}  // namespace crashdump
