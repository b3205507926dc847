// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/testing/dump_ledger.h"

#include <algorithm>
#include <utility>

#include "cli/testing/published_dump.h"
#include "cli/testing/region_places.h"
#include "common/base/parse.h"
#include "common/base/range_source.h"
#include "common/format/dump_reader.h"
#include "common/format/key_store.h"

namespace crashdump {
namespace {

constexpr uint64_t kBlock = RegionPlaces::kBlock;
// docs/dump-format.md, in an object's header.
constexpr uint64_t kAttemptIdOffset = 48;

class PageCounter final : public DumpVisitor {
 public:
  Result<> OnSection(ObjectType, Bytes) override { return {}; }
  Result<> OnPages(PageKind, uint64_t, uint32_t, Bytes) override { return {}; }
};

}  // namespace

DumpLedger::DumpLedger(LifeCycleWorld& world) : world_(world) {
  world_.Watch([this] { CheckLoadedKey(); });
}

void DumpLedger::Violate(const std::string& what, Harm harm) {
  if (violation_) return;
  violation_ = what;
  harm_ = harm;
}

DumpLedger::Proven DumpLedger::ReadProven(const Range& region) const {
  const RegionPlaces places(region);
  const FakeBlockDevice& disk = world_.disk();
  Proven proven{disk.Peek(0, kBlock), disk.Peek(places.start_stamp.begin, kBlock),
                disk.Peek(places.end_stamp.begin, kBlock)};
  for (uint64_t slot = 0; slot < RegionPlaces::kSlots; ++slot) {
    proven.push_back(disk.Peek(places.Slot(slot).begin, RegionPlaces::kControl));
  }
  return proven;
}

const DumpId& DumpLedger::ImageKey() {
  const std::string& initramfs = world_.machine().image->initramfs;
  if (image_ != initramfs) {
    image_ = initramfs;
    image_key_ = KeyArming::Parse(world_.Overlay("overlay/arming")).TakeValue().credentials.key_id;
  }
  return image_key_;
}

void DumpLedger::NoteArming() {
  if (!world_.machine().image) {
    loaded_.reset();
    return;
  }
  const DumpId key_id = ImageKey();
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
  const RegionPlaces places(region);
  Arming& arming = armings_[key_id];
  arming.key_id = key_id;
  arming.installation = world_.active();
  arming.region = region;
  arming.slot = places.Slot(target.slot);
  arming.extent = {region.begin + target.extent().begin, region.begin + target.extent().end};
  arming.serial = world_.identity().serial;
  arming.proven = ReadProven(region);
  if (!places.data.Contains(arming.extent)) Violate("an extent outside of the region's page data", Harm::kOutside);
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
  const DumpId key_id = ImageKey();
  const auto arming = armings_.find(key_id);
  if (arming != armings_.end() && arming->second.key_is_gone) return;
  if (!world_.active_installation().keys.files().contains(KeyStore::FileName(key_id))) {
    Violate("the key of the loaded image is gone");
  }
}

bool DumpLedger::MustCapture() const {
  if (!loaded_) return false;
  const Arming& arming = armings_.at(*loaded_);
  return world_.HasDisk() && world_.identity().serial == arming.serial && ReadProven(arming.region) == arming.proven;
}

void DumpLedger::AddCapture(const CaptureRecord& record, bool must_capture) {
  const bool refused = record.attempts.front().refusal.has_value();
  if (must_capture && refused) Violate("not captured: " + *record.attempts.front().refusal);
  if (!must_capture && !refused) Violate("captured though something had changed since the image was loaded");
  for (const AttemptRecord& attempt : record.attempts) {
    if (attempt.refusal) {
      ++counts_["capture refused"];
      if (!attempt.operations.empty()) Violate("something was written without a proof", Harm::kOutside);
      continue;
    }
    if (attempt.attempt == 2) ++counts_["second attempt"];
    CheckWrites(attempt, record);
    AddAttempt(attempt, record);
  }
}

void DumpLedger::CheckWrites(const AttemptRecord& attempt, const CaptureRecord& record) {
  const Arming& arming = armings_.at(record.arming.credentials.key_id);
  const WritablePlaces places(arming.slot, arming.extent, attempt.attempt);
  std::vector<Range> written;
  bool has_unflushed = false;
  for (const FakeBlockDevice::Operation& operation : attempt.operations) {
    if (operation.kind == FakeBlockDevice::Kind::kFlush) {
      has_unflushed = has_unflushed && operation.failed;
      continue;
    }
    const Range& range = operation.range;
    if (!places.Contain(range))
      Violate("capture wrote to " + std::to_string(range.begin) + ", which is not its own", Harm::kOutside);
    for (const Range& earlier : written) {
      if (earlier.Overlaps(range)) Violate("capture wrote twice to " + std::to_string(range.begin), Harm::kOutside);
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
  const WritablePlaces places(arming.slot, arming.extent, attempt.attempt);
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
      messages_are_hit = messages_are_hit || !RegionPlaces(dump.region).data.Contains(range.begin);
      dump.blocks.erase(block);
    }
    if (!is_hit) continue;
    if (!dump.exposed) Violate("swap wrote into " + dump.name, Harm::kOutside);
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

void DumpLedger::CheckPublications(unsigned installation) {
  const FsyncedDirectory& var = world_.installation(installation).var;
  if (seen_changes_[installation] == var.durable_changes()) return;
  seen_changes_[installation] = var.durable_changes();
  std::vector<Publication>& publications = publications_[installation];
  publications.clear();
  for (const auto& [name, published] : ReadPublishedDumps(var)) {
    if (!published) continue;
    const auto dump = std::find_if(dumps_.begin(), dumps_.end(), [&, &found = *published](const Dump& each) {
      return each.attempt_id == found.info.attempt_id && each.installation == installation;
    });
    if (dump == dumps_.end()) {
      Violate(name + " is published, but no crash has left it", Harm::kWrongBytes);
    } else {
      publications.push_back(CheckPublication(*dump, *published));
    }
  }
}

DumpLedger::Publication DumpLedger::CheckPublication(const Dump& dump, const PublishedDump& published) {
  const DumpInfo& info = published.info;
  if (published.fault) Violate(dump.name + ": " + *published.fault, Harm::kWrongBytes);
  const bool whole_messages = published.messages == dump.messages;
  // What could not be read is there at another try.
  const bool must_be_whole = (dump.debt == Debt::kOwed || dump.debt == Debt::kPaid) && !info.read_error;
  if (must_be_whole ? !whole_messages : !dump.messages.starts_with(published.messages)) {
    Violate(dump.name + ": dmesg.txt is not what the kernel said", Harm::kWrongBytes);
  }
  for (const auto& [pfn, page] : published.pages) {
    const auto expected = dump.vmcore->pages.find(pfn);
    if (expected == dump.vmcore->pages.end() || page != expected->second) {
      Violate(dump.name + ": page " + std::to_string(pfn) + " is not what it was", Harm::kWrongBytes);
    }
  }
  const uint64_t pages = published.pages.size();
  if (info.state == "complete" && info.vmcore == VmcoreFile::kPresent && pages != dump.vmcore->pages.size()) {
    Violate(dump.name + " is called complete and is not", Harm::kWrongBytes);
  }
  if (info.vmcore == VmcoreFile::kPending) ++counts_["published without room"];
  return {info.attempt_id, whole_messages && pages >= dump.owed_pages};
}

// Each dump that is owed can still be had, and what was paid stays.
void DumpLedger::CheckDebts() {
  for (Dump& dump : dumps_) {
    if (dump.debt != Debt::kOwed && dump.debt != Debt::kPaid) continue;
    const auto& published = publications_[dump.installation];
    const bool pays = std::any_of(published.begin(), published.end(), [&dump](const Publication& each) {
      return each.pays && each.attempt_id == dump.attempt_id;
    });
    if (pays) {
      if (dump.debt == Debt::kOwed) ++counts_["published"];
      dump.debt = Debt::kPaid;
      continue;
    }
    if (dump.debt == Debt::kPaid && MayHaveBeenRemoved(dump)) {
      ++counts_["removed"];
      dump.debt = Debt::kForfeited;
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

// All of it, and not the last.
bool DumpLedger::MayHaveBeenRemoved(const Dump& dump) const {
  const std::vector<Publication>& published = publications_.at(dump.installation);
  const bool is_there = std::any_of(published.begin(), published.end(),
                                    [&dump](const Publication& each) { return each.attempt_id == dump.attempt_id; });
  return least_kept_ && published.size() >= *least_kept_ && !is_there;
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
