#!/usr/bin/env python3
"""The checks find what they are for, and leave alone what they should."""

import unittest

import clocks
import layers
import named_tests
import tree
from sources import code_of


def awaits(code):
    return [problem for _, problem in clocks.awaits(code_of(code))]


def forbidden(path, code):
    return [problem for _, problem in clocks.forbidden(path, code_of(code))]


class Layers(unittest.TestCase):
    def test_an_include_may_point_down(self):
        self.assertIsNone(layers.own_include("gateway/proxy/proxy.cc", "gateway/base/error.h"))
        self.assertIsNone(layers.own_include("gateway/app/shard.cc", "filters/builtin_filters.h"))

    def test_an_include_must_not_point_up(self):
        self.assertIn("may include", layers.own_include("gateway/http/server.cc", "gateway/proxy/proxy.h"))
        self.assertIn("may include", layers.own_include("gateway/base/error.cc", "config/config.h"))

    def test_a_filter_must_not_know_another_filter(self):
        other = "filters/record/record_filter.h"
        self.assertIn("must not know", layers.own_include("filters/retry/retry_filter.cc", other))
        self.assertIsNone(layers.own_include("filters/builtin_filters.cc", other))
        self.assertIsNone(layers.own_include("filters/record/record_filter.cc", other))

    def test_a_filter_must_not_know_backends(self):
        self.assertIn("not backends",
                      layers.own_include("filters/retry/retry_filter.cc", "backends/cluster/endpoint_state.h"))

    def test_a_header_that_is_not_there_is_found(self):
        self.assertIn("no file", layers.own_include("gateway/base/error.cc", "error.h"))

    def test_libraries_stay_in_their_place(self):
        self.assertIsNone(layers.library_include("gateway/net/connector.cc", "boost/asio/post.hpp"))
        self.assertIn("may be included", layers.library_include("gateway/http/server.cc", "boost/asio/post.hpp"))
        self.assertIn("in tests only", layers.library_include("gateway/http/server.cc", "boost/beast/http.hpp"))
        self.assertIsNone(layers.library_include("tests/gateway/http/a_test.cc", "boost/beast/http.hpp"))
        self.assertIn("does not know", layers.library_include("gateway/base/error.cc", "absl/strings/str_cat.h"))
        self.assertIsNone(layers.library_include("gateway/base/error.cc", "vector"))


class Clocks(unittest.TestCase):
    def test_clocks_sleeps_dice_threads_and_the_environment_are_found(self):
        for code in ("auto t = std::chrono::steady_clock::now();", "std::this_thread::sleep_for(1ms);", "usleep(5);",
                     "std::random_device seed;", 'getenv("HOME");', "thread_local int x;", "std::jthread t;"):
            self.assertEqual(len(forbidden("gateway/proxy/proxy.cc", code)), 1, code)

    def test_comments_strings_and_listed_files_are_free(self):
        self.assertEqual(forbidden("gateway/proxy/proxy.cc", '// usleep(5)\nf("getenv(x)"); /* thread_local */'), [])
        self.assertEqual(forbidden("gateway/runtime/frame_pool.cc", "thread_local int x;"), [])
        self.assertEqual(forbidden("gateway/proxy/proxy.cc", "auto t = system_clock::to_time_t(x);"), [])
        self.assertEqual(forbidden("gateway/app/main.cc", "std::thread::hardware_concurrency()"), [])

    def test_one_await_per_statement(self):
        self.assertEqual(len(awaits("f(co_await a(), co_await b());")), 1)
        self.assertEqual(len(awaits("int x = c ? co_await a() : 0;")), 1)
        self.assertEqual(len(awaits("f(co_await a() ? 1 : 0);")), 1)
        self.assertEqual(awaits("co_return co_await a(c ? 1 : 0);"), [])
        self.assertEqual(awaits("if (!co_await a()) co_await b();"), [])
        self.assertEqual(awaits("int a = co_await b(); int c = co_await d(); int e = f ? 1 : 2;"), [])
        self.assertEqual(awaits("while (int n = co_await a()) { co_await b(); }"), [])


class Tree(unittest.TestCase):
    def test_notes_and_machine_paths_are_found(self):
        self.assertTrue(tree._NOTE.search("// TO" "DO: later"))
        self.assertFalse(tree._NOTE.search("/tmp/sluice-XX" "XXXX"))
        self.assertTrue(tree._MACHINE_PATH.search("see /ho" "me/me/x"))
        self.assertTrue(tree._MACHINE_PATH.search("-I/wo" "rk/x"))
        self.assertFalse(tree._MACHINE_PATH.search("build/home/x, https://a.example/home/x"))

    def test_anchors_are_made_as_github_makes_them(self):
        self.assertEqual(tree.anchors("# A `b` c\n## clusters[].load_balancer\n```\n# no\n```\n"),
                         {"a-b-c", "clustersload_balancer"})


class NamedTests(unittest.TestCase):
    def test_references_are_found_across_lines(self):
        text = '| a row | `http1_smuggling` "a case\n of two lines"; `tls_test.cc` "ACase" and `word` alone, "a quote" |'
        self.assertEqual(named_tests.references(text), [("http1_smuggling", "a case of two lines"), ("tls_test.cc", "ACase")])

    def test_a_sentence_is_one_of_the_cases_and_an_ellipsis_stands_for_anything(self):
        cases = ["a flood of PING is cut", "a flood of empty DATA is cut"]
        self.assertTrue(named_tests.is_named("a flood of PING is cut", cases))
        self.assertTrue(named_tests.is_named("a flood of … is cut", cases))
        self.assertFalse(named_tests.is_named("a flood of PING", cases))
        self.assertFalse(named_tests.is_named("a flood of … is served", cases))

    def test_cases_are_those_of_the_named_file(self):
        self.assertIn("there is no tests/integration/nowhere_test.py", named_tests.cases_of("nowhere", []))
        self.assertIsInstance(named_tests.cases_of("nowhere_test.cc", ["tests/a/b_test.cc"]), str)
        self.assertIn("MakesNothing", named_tests._GOOGLE_TEST.findall("TEST_F(Some, MakesNothing) {"))


if __name__ == "__main__":
    unittest.main()
