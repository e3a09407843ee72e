//! The names of the emoji that the server brings along; every other name is refused by newer servers.

/// The common ones of the real server's two thousand: a client that tries a rarer one fails here first.
const NAMES: &str = "
    +1 -1 100 1234 8ball a ab abc accept adult airplane alarm_clock alien ambulance anchor angel anger angry anguished
    ant apple arrow_backward arrow_double_down arrow_double_up arrow_down arrow_down_small arrow_forward
    arrow_heading_down arrow_heading_up arrow_left arrow_lower_left arrow_lower_right arrow_right arrow_right_hook
    arrow_up arrow_up_down arrow_up_small arrow_upper_left arrow_upper_right arrows_clockwise arrows_counterclockwise
    art articulated_lorry astonished atm atom_symbol b baby balloon ballot_box_with_check banana bangbang bank
    bar_chart battery bear bearded_person bed bee beer beers beetle beginner bell bento bike biohazard_sign bird
    birthday black_circle black_heart black_large_square black_medium_small_square black_medium_square black_nib
    black_small_square black_square_button blossom blowfish blue_book blue_car blue_heart blush boar boat bomb book
    bookmark bookmark_tabs books boom bow bowling boy brain bread broken_heart bug bulb bus busstop butterfly cactus
    cake calendar call_me_hand calling camel camera candle candy capital_abcd car card_file_box card_index
    card_index_dividers carousel_horse cat cat2 cd chart chart_with_downwards_trend chart_with_upwards_trend
    checkered_flag cherries cherry_blossom chestnut chicken child children_crossing chocolate_bar christmas_tree cinema
    circus_tent city_sunset cl clap clapper clipboard clock1 clock10 clock11 clock12 clock2 clock3 clock4 clock5 clock6
    clock7 clock8 clock9 closed_book closed_lock_with_key cloud clown_face cocktail coffee coffin cold_face cold_sweat
    collision compass compression computer confetti_ball confounded confused congratulations construction
    construction_worker control_knobs cookie cool cop copyright corn couple cow credit_card crescent_moon cricket
    crocodile crossed_fingers crossed_flags crossed_swords crown cry crystal_ball cupid curly_loop currency_exchange
    customs cyclone dagger_knife dancer dancers dart dash date dizzy dizzy_face dna do_not_litter dog dog2 dollar door
    doughnut dove_of_peace dragon dragon_face dress droplet duck dvd e-mail eagle ear ear_of_rice earth_africa
    earth_americas earth_asia egg eight eight_pointed_black_star eight_spoked_asterisk eject electric_plug elephant
    email end envelope envelope_with_arrow euro exclamation exploding_head expressionless eye eyeglasses eyes
    face_palm face_with_monocle face_with_raised_eyebrow face_with_rolling_eyes face_with_thermometer facepunch factory
    fallen_leaf family fast_forward fax fearful feet ferris_wheel field_hockey_stick_and_ball file_cabinet file_folder
    film_frames fire fire_engine fire_extinguisher fireworks first_quarter_moon fish fist five flags flashlight
    fleur_de_lis floppy_disk flower_playing_cards flushed fog football footprints four four_leaf_clover fox_face free
    fried_egg fries frog frowning fuelpump full_moon game_die gear gem ghost gift gift_heart girl globe_with_meridians
    goat golf grapes green_apple green_book green_heart grey_exclamation grey_question grimacing grin grinning guitar
    gun hammer hammer_and_pick hammer_and_wrench hamster hand handbag handshake hankey hash hatched_chick
    hatching_chick headphones hear_no_evil heart heart_eyes heartbeat heavy_check_mark heavy_division_sign
    heavy_dollar_sign heavy_exclamation_mark heavy_heart_exclamation_mark_ornament heavy_minus_sign
    heavy_multiplication_x heavy_plus_sign helicopter herb high_brightness hole honeybee horse hospital hot_face
    hotel hotsprings hourglass hourglass_flowing_sand house hugging_face hushed ice_cream ice_cube id imp inbox_tray
    incoming_envelope infinity information_desk_person information_source innocent interrobang iphone japan
    jack_o_lantern joy joystick kaaba key keyboard keycap_star keycap_ten kiss knife koala label ladybug lantern
    large_blue_circle large_blue_diamond large_blue_square large_green_circle large_green_square large_orange_circle
    large_orange_diamond large_orange_square large_purple_circle large_yellow_circle large_yellow_square last_quarter_moon laughing leaves ledger
    left_luggage left_right_arrow leftwards_arrow_with_hook lemon leopard level_slider light_rail lightning link
    lion_face lips loading lock lock_with_ink_pen lollipop loop loud_sound loudspeaker low_brightness lower_left_ballpoint_pen
    lying_face m mag mag_right magnet mailbox mailbox_with_mail man mantelpiece_clock maple_leaf mask mattermost
    meat_on_bone medal mega melon memo mending_heart menorah_with_nine_branches microphone microscope milky_way
    minibus mobile_phone_off money_mouth_face money_with_wings moneybag monkey monkey_face moon mortar_board
    mountain mouse mouse2 movie_camera moyai muscle mushroom musical_note mute nail_care name_badge nauseated_face
    necktie negative_squared_cross_mark nerd_face neutral_face new new_moon newspaper next_track_button ng night_with_stars
    nine no_bell no_entry no_entry_sign no_good no_mouth no_smoking non-potable_water nose notebook
    notebook_with_decorative_cover notes nut_and_bolt o o2 ocean octagonal_sign octopus ok ok_hand ok_woman old_key on one open_book
    open_file_folder open_hands open_mouth ophiuchus orange_book orange_heart outbox_tray owl ox package page_facing_up
    page_with_curl pager palm_tree panda_face paperclip parking partly_sunny party_popper partying_face passport_control
    pause_button paw_prints peach peanuts pear pencil pencil2 penguin pensive performing_arts petri_dish phone pick
    pig pill pineapple pizza placard play_or_pause_button pleading_face point_down point_left point_right point_up
    point_up_2 police_car poodle poop popcorn postbox potable_water pouch pound pray previous_track_button printer
    pushpin put_litter_in_its_place puzzle_piece question rabbit rabbit2 racehorse radio radio_button radioactive_sign
    rage railway_car rain_cloud rainbow raised_hand raised_hands raising_hand ram ramen rat receipt recycle red_car
    red_circle registered relaxed relieved reminder_ribbon repeat repeat_one rewind ribbon rice rice_ball ring robot_face
    rocket roll_of_paper rolled_up_newspaper rolling_on_the_floor_laughing rooster rose rotating_light
    round_pushpin runner running sa safety_pin sailboat salt sandwich satellite satellite_antenna scales school
    scissors scream screwdriver scroll seat secret see_no_evil seedling seven shaking_face shamrock shark shell shield
    ship shipit shirt shower shrug shushing_face signal_strength six skull skull_and_crossbones sleeping sleeping_accommodation
    sleepy slightly_frowning_face slightly_smiling_face slot_machine sloth small_blue_diamond small_orange_diamond
    small_red_triangle small_red_triangle_down smile smiley smiling_imp smirk smoking snail snake sneezing_face
    snowflake snowman soap sob soccer soon sos sound space_invader sparkle sparkler sparkles sparkling_heart
    speak_no_evil speaker speaking_head_in_silhouette speech_balloon spider spider_web spiral_calendar_pad
    spiral_note_pad sponge sports_medal spy squid stadium star star-struck star2 stars station steam_locomotive
    stethoscope stop_button stop_sign stopwatch straight_ruler strawberry stuck_out_tongue sun_with_face sunflower
    sunglasses sunny sunrise sweat sweat_drops sweat_smile symbols sync syringe taco tada tangerine taxi tea
    telephone telephone_receiver telescope ten tennis tent test_tube thermometer thinking thinking_face thought_balloon
    three three_button_mouse thumbsdown thumbsup thunder_cloud_and_rain ticket tiger timer_clock tired_face tm toilet
    tomato tongue toolbox tooth top tophat tornado trackball tractor traffic_light train tram triangular_flag_on_post
    triangular_ruler triumph trolleybus trophy truck trumpet tulip turtle tv twisted_rightwards_arrows two u5272 umbrella
    unamused underage unicorn_face unlock up upside_down_face v vertical_traffic_light vhs vibration_mode video_camera
    violin volcano vs vulcan_salute walking waning_crescent_moon warning wastebasket watch water_buffalo watermelon
    wave waving_black_flag waving_white_flag wavy_dash waxing_crescent_moon wc weary whale wheel_of_dharma wheelchair
    white_check_mark white_circle white_flower white_heart white_large_square white_medium_square white_small_square
    white_square_button wind_blowing_face wind_chime wine_glass wink wolf woman woozy_face world_map worried wrench
    writing_hand x yarn yawning_face yellow_heart yen yum zany_face zap zero zipper_mouth_face zombie zzz
";

/// Whether the server has an emoji of this name.
pub(crate) fn is_known(name: &str) -> bool {
    NAMES.split_ascii_whitespace().any(|known| known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_and_lower_case() {
        assert!(is_known("eyes") && is_known("white_check_mark") && is_known("+1"));
        for unknown in [
            "",
            "eye s",
            "nosuchemoji_zz",
            "White_Check_Mark",
            ":eyes:",
            "👀",
        ] {
            assert!(!is_known(unknown), "{unknown}");
        }
    }
}
