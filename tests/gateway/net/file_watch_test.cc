#include "gateway/net/file_watch.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/gateway/net/socket_world.h"

namespace sluice {
namespace {

// A folder with a watched file, and how often a change was told.
struct WatchedFolder {
  WatchedFolder() {
    write(file);
    auto opened = FileWatch::open(world.loop, {file}, [this] { ++told; });
    EXPECT_TRUE(opened.has_value());
    watch = std::move(*opened);
  }
  ~WatchedFolder() {
    watch.reset();
    std::filesystem::remove_all(folder);
  }

  static void write(const std::string& path) { std::ofstream(path) << "x"; }
  // The kernel queues inotify's events within the system call that causes them.
  void pass(Duration time) {
    world.loop.poll();
    world.time.advance(time);
    world.loop.expire();
    world.loop.poll();
  }

  SocketWorld world;
  TemporaryFolder temporary;
  std::string file = temporary.file();
  std::string folder = std::filesystem::path(file).parent_path();
  int told = 0;
  std::unique_ptr<FileWatch> watch;
};

constexpr Duration kSettled = FileWatch::kSettleTime + TimerWheel::kTick;

TEST(FileWatch, TellsOfAWriteOnceItHasSettled) {
  WatchedFolder w;
  w.write(w.file);
  w.pass(FileWatch::kSettleTime / 2);
  EXPECT_EQ(w.told, 0);
  w.pass(kSettled);
  EXPECT_EQ(w.told, 1);
  w.pass(kSettled);
  EXPECT_EQ(w.told, 1);
}

TEST(FileWatch, TellsOfAFileRenamedOverItAgainAndAgain) {
  WatchedFolder w;
  for (int i = 1; i <= 3; ++i) {
    w.write(w.folder + "/next");
    std::filesystem::rename(w.folder + "/next", w.file);
    w.pass(Duration::zero());
    w.pass(kSettled);
    EXPECT_EQ(w.told, i);
  }
}

TEST(FileWatch, TellsOfAConfigMapBeingExchanged) {
  WatchedFolder w;
  std::filesystem::create_directory_symlink("version-2", w.folder + "/..data_tmp");
  std::filesystem::rename(w.folder + "/..data_tmp", w.folder + "/..data");
  w.pass(Duration::zero());
  w.pass(kSettled);
  EXPECT_EQ(w.told, 1);
}

TEST(FileWatch, KeepsSilentAboutOtherFilesInTheFolder) {
  WatchedFolder w;
  w.write(w.folder + "/other");
  w.pass(Duration::zero());
  w.pass(kSettled);
  EXPECT_EQ(w.told, 0);
}

TEST(FileWatch, TellsABurstOnce) {
  WatchedFolder w;
  for (int i = 0; i < 5; ++i) {
    w.write(w.file);
    w.pass(FileWatch::kSettleTime / 2);
  }
  EXPECT_EQ(w.told, 0);
  w.pass(kSettled);
  EXPECT_EQ(w.told, 1);
}

TEST(FileWatch, ABurstWithoutEndIsToldAfterTheLongestDelay) {
  WatchedFolder w;
  for (Duration t{}; t < FileWatch::kMaxDelay + kSettled; t += FileWatch::kSettleTime / 2) {
    w.write(w.file);
    w.pass(FileWatch::kSettleTime / 2);
  }
  EXPECT_EQ(w.told, 1);
}

TEST(FileWatch, WatchesFilesOfSeveralFoldersAtOnce) {
  SocketWorld world;
  TemporaryFolder first;
  TemporaryFolder second;
  const std::string other = std::filesystem::path(second.file()).parent_path() / "key";
  int told = 0;
  const auto watch = FileWatch::open(world.loop, {first.file(), second.file(), other}, [&] { ++told; });
  ASSERT_TRUE(watch.has_value());
  int expected = 0;
  for (const std::string& file : {first.file(), second.file(), other}) {
    WatchedFolder::write(file);
    world.loop.poll();
    world.time.advance(kSettled);
    world.loop.expire();
    EXPECT_EQ(told, ++expected) << file;
  }
  // A name counts only in its own folder.
  WatchedFolder::write(std::filesystem::path(first.file()).parent_path() / "key");
  world.loop.poll();
  world.time.advance(kSettled);
  world.loop.expire();
  EXPECT_EQ(told, expected);
}

TEST(FileWatch, AFolderThatIsNotThereIsAnError) {
  SocketWorld world;
  const auto watch = FileWatch::open(world.loop, {"/nowhere/at/all/sluice.yaml"}, [] {});
  ASSERT_FALSE(watch.has_value());
  EXPECT_EQ(watch.error().kind, ErrorKind::kConfig);
  EXPECT_NE(watch.error().detail().find("/nowhere/at/all"), std::string::npos);
}

}  // namespace
}  // namespace sluice
