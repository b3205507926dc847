// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as VMCOREINFO: each key is found, with its first value, and no value is taken for what it is not.
// Fuzzes: vmcoreinfo.cc printable_text.cc
#include <map>

#include "common/testing/fuzzer.h"
#include "common/vmcore/printable_text.h"
#include "common/vmcore/vmcoreinfo.h"

namespace crashdump {
namespace {

// The lines of the text, found in another way than Vmcoreinfo does.
std::map<std::string_view, std::string_view> LinesOf(std::string_view text) {
  std::map<std::string_view, std::string_view> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const size_t equals = line.find('=');
    if (equals != std::string_view::npos && equals != 0) lines.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return lines;
}

void Run(Bytes input) {
  const Vmcoreinfo info(input);
  Require(input.size() > Vmcoreinfo::kMaxBytes ||
          std::string_view(info.text()) == TextOf(input).substr(0, TextOf(input).find('\0')));
  for (const auto& [key, value] : LinesOf(info.text())) Require(info.Find(key) == value);
  Require(!info.Find("").has_value());

  (void)info.OsRelease();
  (void)info.CrashTime();
  (void)info.KernelOffset();
  const Result<uint64_t> page_size = info.PageSize();
  Require(!page_size.ok() || (IsPowerOfTwo(page_size.value()) && page_size.value() <= Vmcoreinfo::kMaxPageSize));
  for (const char* name : {"prb", "page", "page.flags", "phys_base"}) {
    (void)info.Symbol(name);
    (void)info.Size(name);
    (void)info.Length(name);
    (void)info.Number(name);
    uint64_t offset = 0;
    constexpr auto kOptional = VmcoreinfoField::Presence::kOptional;
    if (info.Fill({{VmcoreinfoKind::kOffset, name, &offset, kOptional, 4096}}).ok()) Require(offset <= 4096);
  }
  const std::string escaped = EscapeControl(info.text());
  // Escaping what is escaped changes nothing.
  Require(EscapeControl(escaped) == escaped);
}

std::vector<testing::FuzzerInput> Seeds() {
  return {testing::FuzzerInputOf("OSRELEASE=6.1.0-test\nBUILD-ID=0123456789abcdef\nPAGESIZE=4096\n"
                                 "SYMBOL(prb)=ffffffff82a3bb40\nSIZE(page)=64\nOFFSET(page.flags)=0\n"
                                 "LENGTH(page)=16\nNUMBER(phys_base)=-16777216\nNUMBER(page)=0x10\n"
                                 "KERNELOFFSET=1c00000\nCRASHTIME=1700000000\n"),
          testing::FuzzerInputOf("PAGESIZE=65536\nPAGESIZE=4096\n=\n==\nSIZE(page)=\nOFFSET(page.flags)=99999\n\n"
                                 "NUMBER(phys_base)=18446744073709551615\nno line")};
}

const testing::Fuzzer fuzzer("vmcoreinfo", Run, Seeds);

}  // namespace
}  // namespace crashdump
