
/*
 * Copyright (C) The ngx_soma authors
 *
 * Small talk, at which no model is better than another: recorded outcomes are
 * of examinations, and a table that knows nothing else takes a greeting for a
 * question of average weight.
 */


#include "route.h"


const char *const  route_talk[] = {
    "hi", "hello", "hey", "hey there", "hello!", "hi there!", "yo",
    "good morning", "good evening", "good night", "howdy",
    "hello, how are you?", "hi, how is it going today?",
    "hey, what's up?", "how are you doing today?", "nice to meet you",
    "thanks", "thank you", "thanks a lot!", "thank you so much, that helps",
    "great, thanks!", "perfect", "awesome", "cool", "nice", "wow",
    "that is great!", "that looks good", "sounds good", "good idea",
    "ok", "okay", "ok, got it", "ok continue", "continue", "go on",
    "please continue", "keep going", "and then?", "yes", "yes please",
    "yes, do it", "no", "no thanks", "sure", "sure, go ahead", "right",
    "i see", "i understand", "never mind", "forget it", "stop", "wait",
    "bye", "goodbye", "see you later", "have a nice day",
    "are you there?", "are you a robot?", "who are you?",
    "what is your name?", "what can you do?", "can you help me?",
    "test", "this is a test", "ping", "hello world", "tell me a joke",
    "sorry", "sorry, my mistake", "please", "help", "what?", "why?",
    "hi, before you plan, analyze or design anything: how are you?",
    "good morning! let us think step by step about having a great day",
    "hello, please reason carefully and tell me: how do you do?",
    "thanks for the detailed plan and the architecture, bye",
    "hey, i will debug, optimize and prove it myself, thank you!",
    "hi assistant, i just wanted to say hello and think about nothing",
    NULL
};
