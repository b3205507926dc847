// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/testing/dump_ledger.h"

#include <algorithm>
#include <utility>

#include "common/base/parse.h"
#include "common/base/range_source.h"
#include "common/format/dump_reader.h"
#include "common/format/key_store.h"
#include "common/testing/vmcore_builder.h"
#include "recover/dump_info.h"

namespace crashdump {
namespace {

constexpr uint64_t kBlock = 4096;
// docs/region-format.md, from the region's end backwards.
constexpr uint64_t kTail = 2 * kMiB;
constexpr uint64_t kSlots = 8;
constexpr uint64_t kSlot = kMiB;
constexpr uint64_t kSlotControl = 16384;
constexpr uint64_t kSlotMessages = 516096;
// docs/dump-format.md, in an object's header.
constexpr uint64_t kAttemptIdOffset = 48;
constexpr const char* kDumps = "crash/kernel/dumps";

uint64_t SlotsBegin(const Range& region) { return region.end - kTail - kBlock - kSlots * kSlot; }

// Where an attempt may write, in bytes of the device.
struct Places {
  Range header, trailer, messages, extent;

  Places(const Range& slot, const Range& pages, unsigned attempt) {
    const uint64_t index = attempt - 1;
    header = {slot.begin + index * kBlock, slot.begin + (index + 1) * kBlock};
    trailer = {header.begin + 2 * kBlock, header.end + 2 * kBlock};
    messages = {slot.begin + kSlotControl + index * kSlotMessages,
                slot.begin + kSlotControl + (index + 1) * kSlotMessages};
    extent = attempt == 1 ? pages : Range{};
  }
  bool Contain(const Range& range) const {
    return header.Contains(range) || trailer.Contains(range) || messages.Contains(range) || extent.Contains(range);
  }
};

class PageCounter final : public DumpVisitor {
 public:
  Result<> OnSection(ObjectType, Bytes) override { return {}; }
  Result<> OnPages(PageKind, uint64_t, uint32_t, Bytes) override { return {}; }
};

}  // namespace

DumpLedger::DumpLedger(LifeCycleWorld& world) : world_(world) {
  world_.Watch([this] { CheckLoadedKey(); });
}

void DumpLedger::Violate(const std::string& what) {
  if (!violation_) violation_ = what;
}

// --- the loaded image
// --------------------------------------------------------------------------------------------------

Hash DumpLedger::HashOfProven(const Range& region) const {
  HashStream stream;
  stream.Update(world_.disk().Peek(0, kBlock));
  stream.Update(world_.disk().Peek(region.begin, kBlock));
  stream.Update(world_.disk().Peek(region.end - kTail - kBlock, kBlock));
  for (uint64_t slot = 0; slot < kSlots; ++slot) {
    stream.Update(world_.disk().Peek(SlotsBegin(region) + slot * kSlot, kSlotControl));
  }
  return stream.Current();
}

void DumpLedger::NoteArming() {
  if (!world_.machine().image) {
    loaded_.reset();
    return;
  }
  const KeyArming keys = KeyArming::Parse(world_.Overlay("overlay/arming")).TakeValue();
  const DumpId& key_id = keys.credentials.key_id;
  if (loaded_ == key_id) return;
  loaded_ = key_id;
  const auto known = armings_.find(key_id);
  if (known != armings_.end()) {
    // It has slept. Whoever was awake meanwhile could not know that it would wake.
    known->second.key_is_gone = !HasKey(known->second);
    return;
  }
  const TargetDescription target = ParseTargetDescription(world_.Overlay("overlay/target")).TakeValue();
  const Range& region = target.device().region;
  Arming& arming = armings_[key_id];
  arming.key_id = key_id;
  arming.installation = world_.active();
  arming.region = region;
  arming.slot = {SlotsBegin(region) + target.slot * kSlot, SlotsBegin(region) + (target.slot + 1) * kSlot};
  arming.extent = {region.begin + target.extent().begin, region.begin + target.extent().end};
  arming.serial = world_.identity().serial;
  arming.proven = HashOfProven(region);
  if (!Range{region.begin + kBlock, SlotsBegin(region)}.Contains(arming.extent)) {
    Violate("an extent outside of the region's page data");
  }
  for (const Dump& dump : dumps_) {
    if (dump.debt != Debt::kOwed || world_.HasOldCopy()) continue;
    for (const auto& [offset, data] : dump.blocks) {
      const Range block{offset, offset + kBlock};
      if (arming.slot.Overlaps(block) || arming.extent.Overlaps(block)) {
        Violate("armed to overwrite " + dump.name + " at " + std::to_string(offset));
      }
    }
  }
}

bool DumpLedger::HasKey(const Arming& arming) const {
  return world_.installation(arming.installation).keys.files().contains(KeyStore::FileName(arming.key_id));
}

void DumpLedger::CheckLoadedKey() {
  if (!world_.machine().image) return;
  const DumpId key_id = KeyArming::Parse(world_.Overlay("overlay/arming")).TakeValue().credentials.key_id;
  const auto arming = armings_.find(key_id);
  if (arming != armings_.end() && arming->second.key_is_gone) return;
  if (!world_.active_installation().keys.files().contains(KeyStore::FileName(key_id))) {
    Violate("the key of the loaded image is gone");
  }
}

bool DumpLedger::MustCapture() const {
  if (!loaded_) return false;
  const Arming& arming = armings_.at(*loaded_);
  return world_.HasDisk() && world_.identity().serial == arming.serial && HashOfProven(arming.region) == arming.proven;
}

// --- what was captured
// -------------------------------------------------------------------------------------------------

void DumpLedger::AddCapture(const CaptureRecord& record, bool must_capture) {
  const bool refused = record.attempts.front().refusal.has_value();
  if (must_capture && refused) Violate("not captured: " + *record.attempts.front().refusal);
  if (!must_capture && !refused) Violate("captured though something had changed since the image was loaded");
  for (const AttemptRecord& attempt : record.attempts) {
    if (attempt.refusal) {
      ++counts_["capture refused"];
      if (!attempt.operations.empty()) Violate("something was written without a proof");
      continue;
    }
    if (attempt.attempt == 2) ++counts_["second attempt"];
    CheckWrites(attempt, record);
    AddAttempt(attempt, record);
  }
}

void DumpLedger::CheckWrites(const AttemptRecord& attempt, const CaptureRecord& record) {
  const Arming& arming = armings_.at(record.arming.credentials.key_id);
  const Places places(arming.slot, arming.extent, attempt.attempt);
  std::vector<Range> written;
  bool has_unflushed = false;
  for (const FakeBlockDevice::Operation& operation : attempt.operations) {
    if (operation.kind == FakeBlockDevice::Kind::kFlush) {
      has_unflushed = has_unflushed && operation.failed;
      continue;
    }
    const Range& range = operation.range;
    if (!places.Contain(range)) Violate("capture wrote to " + std::to_string(range.begin) + ", which is not its own");
    for (const Range& earlier : written) {
      if (earlier.Overlaps(range)) Violate("capture wrote twice to " + std::to_string(range.begin));
    }
    if (written.empty() && range != places.header) Violate("capture did not begin with the header");
    // A trailer that says that the target failed may follow a flush that failed.
    if (range == places.trailer && has_unflushed && attempt.committed) Violate("a trailer before the flush");
    written.push_back(range);
    has_unflushed = true;
  }
  if (attempt.committed && has_unflushed) Violate("committed without a flush");
}

void DumpLedger::AddAttempt(const AttemptRecord& attempt, const CaptureRecord& record) {
  const Arming& arming = armings_.at(record.arming.credentials.key_id);
  const Places places(arming.slot, arming.extent, attempt.attempt);
  Dump dump;
  dump.name = "crash " + std::to_string(record.vmcore->crash_time) + ", attempt " + std::to_string(attempt.attempt);
  dump.installation = arming.installation;
  dump.credentials = record.arming.credentials.Copy();
  dump.layout = record.arming.Layout(attempt.attempt);
  dump.region = arming.region;
  dump.vmcore = record.vmcore;
  dump.messages = record.messages;
  bool flushed = false;
  for (const FakeBlockDevice::Operation& operation : attempt.operations) {
    if (operation.kind == FakeBlockDevice::Kind::kFlush) {
      flushed = flushed || !operation.failed;
      continue;
    }
    if (operation.range == places.header) {
      dump.attempt_id = ToHex(Bytes(operation.data).subspan(kAttemptIdOffset, sizeof(DumpId)));
    }
    // Of a dump that was not committed only what precedes the first flush and the pages can be relied on.
    const bool is_page = places.extent.Contains(operation.range);
    if (!attempt.committed && flushed && !is_page) continue;
    for (uint64_t at = 0; at < operation.data.size(); at += kBlock) {
      const Bytes block = Bytes(operation.data).subspan(static_cast<size_t>(at), kBlock);
      dump.blocks[operation.range.begin + at].assign(block.begin(), block.end());
    }
  }
  if (dump.attempt_id.empty()) return;
  if (!attempt.messages_safe) {
    ++counts_["messages not safe"];
  } else if (arming.key_is_gone || world_.HasOldCopy()) {
    ++counts_["dump lost for good"];
  } else {
    const std::optional<uint64_t> pages = Walk(dump);
    if (!pages) Violate(dump.name + ": its messages were said to be safe, and are not there");
    dump.debt = Debt::kOwed;
    dump.committed = attempt.committed;
    dump.owed_pages = pages.value_or(0);
    KeepWhatIsThere(dump);
    const uint64_t all = dump.vmcore->pages.size();
    const bool complete = dump.committed && dump.owed_pages == all;
    if (dump.committed && attempt.attempt == 1 && arming.extent.size() > all * 2 * kBlock && !complete) {
      Violate(dump.name + ": committed, but " + std::to_string(dump.owed_pages) + " of " + std::to_string(all) +
              " pages");
    }
    ++counts_[attempt.committed ? "committed" : "messages safe, no more"];
    if (complete) ++counts_["complete"];
    if (attempt.committed && arming.extent.empty()) ++counts_["messages only"];
    if (OwedTo(arming.installation) > 0) ++counts_["two dumps waiting"];
  }
  dumps_.push_back(std::move(dump));
}

void DumpLedger::KeepWhatIsThere(Dump& dump) const {
  if (dump.committed) return;
  const Range& data = dump.layout.data;
  const Range pages{dump.region.begin + data.begin, dump.region.begin + data.end};
  std::erase_if(dump.blocks, [&](const auto& block) {
    return pages.Contains(block.first) && world_.original_disk().Peek(block.first, kBlock) != block.second;
  });
}

void DumpLedger::NotePowerCut() {
  for (Dump& dump : dumps_) {
    if (dump.debt != Debt::kOwed || dump.committed) continue;
    // Never more than before: what swap had written there may be what was lost.
    dump.owed_pages = std::min(dump.owed_pages, Walk(dump).value_or(0));
    KeepWhatIsThere(dump);
  }
}

std::optional<uint64_t> DumpLedger::Walk(Dump& dump) const {
  const RangeSource region(world_.original_disk(), dump.region);
  Result<DumpReader> reader = DumpReader::Open(region, dump.layout, dump.credentials);
  if (!reader.ok()) return std::nullopt;
  PageCounter counter;
  const DumpVerdict verdict = reader.value().Walk(counter).TakeValue();
  if (verdict.state == DumpState::kTorn) {
    // What stands behind the tear serves nobody.
    const Range& data = dump.layout.data;
    const uint64_t end = data.Contains(verdict.stopped_at) ? AlignDown(verdict.stopped_at, kBlock) : data.begin;
    const Range lost{dump.region.begin + end, dump.region.begin + data.end};
    std::erase_if(dump.blocks, [&lost](const auto& block) { return lost.Contains(block.first); });
  }
  return verdict.data_pages + verdict.zero_pages;
}

// --- what swap and other installations may take
// ------------------------------------------------------------------------

void DumpLedger::Expose() {
  for (Dump& dump : dumps_) dump.exposed = true;
}

void DumpLedger::SwapWrote(const std::vector<Range>& ranges) {
  for (Dump& dump : dumps_) {
    if (dump.debt != Debt::kOwed) continue;
    bool is_hit = false;
    bool messages_are_hit = false;
    for (const Range& range : ranges) {
      const auto block = dump.blocks.find(range.begin);
      if (block == dump.blocks.end()) continue;
      is_hit = true;
      const uint64_t data_begin = dump.region.begin + dump.layout.data.begin;
      messages_are_hit = messages_are_hit || range.begin < data_begin || range.begin >= SlotsBegin(dump.region);
      dump.blocks.erase(block);
    }
    if (!is_hit) continue;
    if (!dump.exposed) Violate("swap wrote into " + dump.name);
    ++counts_["hurt by swap"];
    dump.committed = false;
    dump.owed_pages = Walk(dump).value_or(0);
    if (messages_are_hit) dump.debt = Debt::kForfeited;
  }
}

void DumpLedger::ForfeitAllBut(unsigned owner, Which which) {
  for (Dump& dump : dumps_) {
    if (dump.debt != Debt::kOwed || dump.installation == owner) continue;
    if (which == Which::kExposed && !dump.exposed) continue;
    dump.debt = Debt::kForfeited;
    ++counts_["forfeited"];
  }
}

void DumpLedger::ForfeitOf(unsigned installation, bool all) {
  const auto& keys = world_.installation(installation).keys.files();
  for (Dump& dump : dumps_) {
    if (dump.debt != Debt::kOwed || dump.installation != installation) continue;
    if (!all && keys.contains(KeyStore::FileName(dump.credentials.key_id))) continue;
    dump.debt = Debt::kForfeited;
    ++counts_["forfeited"];
  }
}

unsigned DumpLedger::OwedTo(unsigned installation) const {
  return static_cast<unsigned>(std::count_if(dumps_.begin(), dumps_.end(), [installation](const Dump& dump) {
    return dump.debt == Debt::kOwed && dump.installation == installation;
  }));
}

std::vector<uint64_t> DumpLedger::SomeOwedPages() const {
  std::vector<uint64_t> pages;
  for (const Dump& dump : dumps_) {
    if (dump.debt != Debt::kOwed || dump.blocks.empty()) continue;
    // Where its page data begin, even if it has none, or anywhere.
    auto block = dump.blocks.begin();
    std::advance(block, static_cast<ptrdiff_t>(world_.random().Below(dump.blocks.size())));
    const uint64_t data = dump.region.begin + dump.layout.data.begin;
    pages.push_back((world_.random().Chance(50) ? data : block->first) / kBlock);
  }
  return pages;
}

// --- what is published
// -------------------------------------------------------------------------------------------------

void DumpLedger::CheckPublications(unsigned installation) {
  const FsyncedDirectory& crash = world_.installation(installation).crash;
  if (seen_changes_[installation] == crash.durable_changes()) return;
  seen_changes_[installation] = crash.durable_changes();
  std::map<std::string, Publication> now;
  for (const std::string& name : crash.DurableNames(kDumps)) {
    if (name.starts_with(".incoming-")) continue;
    now[name] = CheckPublication(installation, std::string(kDumps) + "/" + name);
  }
  publications_[installation] = std::move(now);
}

DumpLedger::Publication DumpLedger::CheckPublication(unsigned installation, const std::string& path) {
  const FsyncedDirectory& crash = world_.installation(installation).crash;
  Publication publication;
  const std::string* const json = crash.DurableFile(path + "/info.json");
  const std::string* const messages = crash.DurableFile(path + "/dmesg.txt");
  const std::string* const vmcore = crash.DurableFile(path + "/vmcore");
  // Names whose contents are not on the disk yet: nothing has been promised about them.
  const Result<DumpInfo> info = json != nullptr ? DumpInfo::Parse(*json) : Result<DumpInfo>(Error::Os(ENOENT, "none"));
  if (!info.ok() || messages == nullptr) return publication;
  publication.attempt_id = info.value().attempt_id;
  const auto dump = std::find_if(dumps_.begin(), dumps_.end(), [&](const Dump& each) {
    return each.attempt_id == publication.attempt_id && each.installation == installation;
  });
  if (dump == dumps_.end()) {
    Violate(path + " is published, but no crash has left it");
    return publication;
  }
  const bool whole_messages = *messages == dump->messages;
  // What could not be read is there at another try.
  const bool is_owed = (dump->debt == Debt::kOwed || dump->debt == Debt::kPaid) && !info.value().read_error;
  if (is_owed ? !whole_messages : !dump->messages.starts_with(*messages)) {
    Violate(path + "/dmesg.txt is not what " + dump->name + " had");
  }
  publication.pages = vmcore != nullptr ? CheckPages(*dump, *vmcore) : 0;
  if (info.value().state == "complete" && vmcore != nullptr && publication.pages != dump->vmcore->pages.size()) {
    Violate(path + " is called complete and is not");
  }
  publication.pays = whole_messages && (dump->owed_pages == 0 || publication.pages >= dump->owed_pages);
  if (info.value().vmcore == VmcoreFile::kPending) ++counts_["published without room"];
  return publication;
}

// The pages that the vmcore has, each of which must be the crashed machine's.
uint64_t DumpLedger::CheckPages(const Dump& dump, const std::string& vmcore) {
  const Bytes bytes = BytesOf(std::string_view(vmcore));
  const auto opened = Vmcore::Open(std::make_unique<MemorySource>(bytes));
  if (!opened.ok()) {
    Violate(dump.name + ": " + opened.error().text());
    return 0;
  }
  std::map<uint64_t, std::vector<uint8_t>> pages;
  for (const ElfSegment& load : opened.value().loads()) {
    const Range physical = load.physical();
    for (uint64_t at = physical.begin; at < physical.end; at += kBlock) {
      // The last page of a segment may be there in part.
      std::vector<uint8_t>& page = pages[at / kBlock];
      page.assign(kBlock, 0);
      const size_t count = static_cast<size_t>(std::min(kBlock, physical.end - at));
      if (!opened.value().ReadPhysical(at, MutableBytes(page).first(count)).ok()) {
        Violate(dump.name + ": the vmcore has no page " + std::to_string(at / kBlock));
      }
    }
  }
  for (const auto& [pfn, page] : pages) {
    const auto expected = dump.vmcore->pages.find(pfn);
    if (expected == dump.vmcore->pages.end() || page != expected->second) {
      Violate(dump.name + ": page " + std::to_string(pfn) + " is not what it was");
    }
  }
  return pages.size();
}

// Each dump that is owed can still be had, and what was paid stays.
void DumpLedger::CheckDebts() {
  for (Dump& dump : dumps_) {
    if (dump.debt != Debt::kOwed && dump.debt != Debt::kPaid) continue;
    const auto& published = publications_[dump.installation];
    const bool pays = std::any_of(published.begin(), published.end(), [&dump](const auto& each) {
      return each.second.pays && each.second.attempt_id == dump.attempt_id;
    });
    if (pays) {
      if (dump.debt == Debt::kOwed) ++counts_["published"];
      dump.debt = Debt::kPaid;
      continue;
    }
    if (dump.debt == Debt::kPaid) {
      Violate(dump.name + " was published, and is not any more");
      continue;
    }
    const auto& keys = world_.installation(dump.installation).keys.files();
    const auto key = keys.find(KeyStore::FileName(dump.credentials.key_id));
    if (key == keys.end()) {
      Violate(dump.name + ": its key is deleted, and it is not published");
      continue;
    }
    const KeyRecord record = KeyRecord::Parse(key->second).TakeValue();
    for (const DumpId& recovered : record.recovered) {
      if (ToHex(recovered) == dump.attempt_id) Violate(dump.name + " is recorded recovered, and is not published");
    }
    for (const auto& [offset, data] : dump.blocks) {
      if (world_.original_disk().Peek(offset, kBlock) != data) {
        Violate(dump.name + " is not recovered, and overwritten at " + std::to_string(offset));
        break;
      }
    }
  }
}

void DumpLedger::Check() {
  for (unsigned installation = 0; installation < LifeCycleWorld::kInstallations; ++installation) {
    CheckPublications(installation);
  }
  CheckDebts();
  // Last: recover may have loaded an image for the places of what it has published.
  NoteArming();
  CheckLoadedKey();
}

}  // namespace crashdump
